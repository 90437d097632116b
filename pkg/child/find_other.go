//go:build !linux

package child

import (
	"iter"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// list asks ps.
func list() ([]Info, error) {
	out, err := exec.Command("ps", "-axo", "pid=,ppid=,stat=,comm=").Output()
	if err != nil {
		return nil, err
	}
	var all []Info
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		pid, err1 := strconv.Atoi(fields[0])
		parent, err2 := strconv.Atoi(fields[1])
		if err1 == nil && err2 == nil {
			all = append(all, Info{
				Pid: pid, Name: filepath.Base(strings.Join(fields[3:], " ")), Zombie: strings.HasPrefix(fields[2], "Z"), parent: parent,
			})
		}
	}
	return all, nil
}

func find(pid int) (Info, bool) {
	all, _ := list()
	for _, i := range all {
		if i.Pid == pid {
			return i, true
		}
	}
	return Info{}, false
}

// Group yields nothing here.
func Group(int) iter.Seq[int] { return func(func(int) bool) {} }

// groupCPU is not known here.
func groupCPU(int) time.Duration { return 0 }

// GroupAlive reports whether a process group has a member.
func GroupAlive(pgid int) bool { return syscall.Kill(-pgid, 0) == nil }
