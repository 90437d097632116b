package rig

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Child is a process somewhere below another, such as a recorder's Chrome.
type Child struct {
	Pid   int
	Name  string
	start string
}

// Alive reports whether the process still runs. A zombie does not.
func (c Child) Alive() bool {
	s, err := readStat(c.Pid)
	return err == nil && s.start == c.start && s.state != "Z" && s.state != "X"
}

func (c Child) String() string { return fmt.Sprintf("%s (%d)", c.Name, c.Pid) }

// Children returns all processes below p, near and far.
func (p *Process) Children() []Child { return below(p.Pid()) }

// AdoptOrphans makes the test process the parent of whatever loses its parent below it, so that
// Orphans finds it.
func AdoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	return nil
}

// Orphans returns what still runs below the test process. With every test over, nothing should.
func Orphans() []Child {
	var alive []Child
	for _, c := range below(os.Getpid()) {
		if c.Alive() {
			alive = append(alive, c)
		}
	}
	return alive
}

// AwaitEnd waits until none of these processes runs.
func AwaitEnd(t testing.TB, children []Child) {
	t.Helper()
	for _, c := range children {
		Eventually(t, c.String()+" ends", func() bool { return !c.Alive() })
	}
}

type stat struct {
	name, state, start string
	ppid               int
}

// readStat reads /proc/<pid>/stat; the name is in parentheses and may hold anything.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}, syscall.EINVAL
	}
	fields := strings.Fields(string(text[end+1:]))
	const state, ppid, start = 0, 1, 19
	if len(fields) <= start {
		return stat{}, syscall.EINVAL
	}
	parent, err := strconv.Atoi(fields[ppid])
	if err != nil {
		return stat{}, err
	}
	return stat{name: string(text[open+1 : end]), state: fields[state], start: fields[start], ppid: parent}, nil
}

func below(root int) []Child {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]Child{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			children[s.ppid] = append(children[s.ppid], Child{Pid: pid, Name: s.name, start: s.start})
		}
	}
	var found []Child
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, c := range children[next[0]] {
			found = append(found, c)
			next = append(next, c.Pid)
		}
	}
	return found
}
