package service

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Cores returns how many cores this process may use: those of the machine, or of GOMAXPROCS, or as
// much CPU time as its container's limit allows, whichever is least. Go counts 2 at least where
// there is a limit; this counts 1.
func Cores() int {
	cores := runtime.GOMAXPROCS(0)
	if limit := cpuLimit("/"); limit > 0 {
		cores = min(cores, max(1, int(limit)))
	}
	return cores
}

// cpuLimit returns the CPU time in a second of time that cgroups allow this process, by version 1
// or 2 of them; 0: there is no limit. root is "/", except in tests.
func cpuLimit(root string) float64 {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	var least float64
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var limit float64
		switch {
		case parts[0] == "0" && parts[1] == "":
			limit = leastOf(filepath.Join(root, "sys/fs/cgroup"), parts[2], quotaV2)
		case hasField(parts[1], "cpu"):
			for _, mount := range []string{parts[1], "cpu"} {
				if limit == 0 {
					limit = leastOf(filepath.Join(root, "sys/fs/cgroup", mount), parts[2], quotaV1)
				}
			}
		}
		if limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}

func hasField(list, field string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one == field {
			return true
		}
	}
	return false
}

// leastOf returns the least limit of a group and of those that it is in. In a container the path
// may be the host's, and the mount the group itself: then only the mount is found.
func leastOf(mount, group string, quota func(dir string) float64) (least float64) {
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		if limit := quota(filepath.Join(mount, at)); limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
		if at == "/" {
			return least
		}
	}
}

// quotaV2 reads "200000 100000", or "max 100000" where there is no limit.
func quotaV2(dir string) float64 {
	text, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
	if err != nil {
		return 0
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return ratio(quota, period)
}

// quotaV1 reads two files; the quota is -1 where there is no limit.
func quotaV1(dir string) float64 {
	quota, err1 := os.ReadFile(filepath.Join(dir, "cpu.cfs_quota_us"))
	period, err2 := os.ReadFile(filepath.Join(dir, "cpu.cfs_period_us"))
	if err1 != nil || err2 != nil {
		return 0
	}
	return ratio(string(quota), string(period))
}

func ratio(quota, period string) float64 {
	q, err1 := strconv.ParseFloat(strings.TrimSpace(quota), 64)
	p, err2 := strconv.ParseFloat(strings.TrimSpace(period), 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}
