package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// KillChildren kills every process that this one has started, directly or not: Chrome, FFmpeg,
// Postgres. What Postgres holds recovers at its next start.
func KillChildren() {
	parents := parentsByPID()
	children := map[int][]int{}
	for pid, parent := range parents {
		children[parent] = append(children[parent], pid)
	}
	// All of them are found before the first dies, and its children get another parent.
	var found []int
	for queue := []int{os.Getpid()}; len(queue) > 0; queue = queue[1:] {
		found = append(found, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	for _, pid := range found {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// parentsByPID returns the parent of every process: from /proc, or from ps where there is none.
func parentsByPID() map[int]int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	parents := map[int]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// pid (name) state parent …, where the name may hold anything.
		line := string(text)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if len(fields) < 2 || err1 != nil {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[pid] = parent
		}
	}
	if len(parents) > 0 {
		return parents
	}
	out, err := exec.Command("ps", "-axo", "pid=,ppid=").Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		pid, err1 := strconv.Atoi(fields[0])
		parent, err2 := strconv.Atoi(fields[1])
		if err1 == nil && err2 == nil {
			parents[pid] = parent
		}
	}
	return parents
}
