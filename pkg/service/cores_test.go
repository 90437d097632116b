package service

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheLimitOfCPUTimeIsThatOfTheContainer(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"no cgroups": {nil, 0},
		"version 2, in a namespace of its own": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5},
		"version 2, a parent has less": {map[string]string{
			"proc/self/cgroup":                       "0::/kubepods/pod1/c1\n",
			"sys/fs/cgroup/kubepods/pod1/cpu.max":    "100000 100000\n",
			"sys/fs/cgroup/kubepods/pod1/c1/cpu.max": "max 100000\n"}, 1},
		"version 2, without a limit": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 0},
		"version 1, the container's group is the mount": {map[string]string{
			"proc/self/cgroup":                            "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n0::/docker/a\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":  "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 1},
		"version 1, another name of the mount": {map[string]string{
			"proc/self/cgroup":                       "4:cpuacct,cpu:/\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us":   "1",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":     "250000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":    "100000\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_quota_us":  "1\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_period_us": "1\n"}, 2.5},
		"version 1, without a limit": {map[string]string{
			"proc/self/cgroup": "4:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := cpuLimit(root); got != c.want {
				t.Errorf("the limit is %g, want %g", got, c.want)
			}
		})
	}
}
