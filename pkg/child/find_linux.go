package child

import (
	"bytes"
	"iter"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// statSize is more than /proc/PID/stat ever has.
const statSize = 4 << 10

func list() ([]Info, error) {
	names, err := pids()
	if err != nil {
		return nil, err
	}
	all := make([]Info, 0, len(names))
	buffer := make([]byte, statSize)
	for _, name := range names {
		if i, ok := parseStat(readInto(buffer, "/proc/"+name+"/stat")); ok {
			all = append(all, i)
		}
	}
	return all, nil
}

func find(pid int) (Info, bool) {
	return parseStat(readInto(make([]byte, statSize), "/proc/"+strconv.Itoa(pid)+"/stat"))
}

func pids() ([]string, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	numbers := names[:0]
	for _, name := range names {
		if name[0] >= '0' && name[0] <= '9' {
			numbers = append(numbers, name)
		}
	}
	return numbers, nil
}

// readInto reads the beginning of a small file, and nothing of one that is not there, as of a
// process that has ended. A measurement reads hundreds of them several times a second, so it takes
// the fewest system calls.
func readInto(buffer []byte, path string) []byte {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }()
	n, err := syscall.Read(fd, buffer)
	if err != nil {
		return nil
	}
	return buffer[:n]
}

// parseStat reads /proc/PID/stat: pid (name) state ppid … starttime …, where the name may hold
// anything.
func parseStat(stat []byte) (Info, bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return Info{}, false
	}
	const state, parent, start = 0, 1, 19
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) <= start {
		return Info{}, false
	}
	pid, err1 := strconv.Atoi(string(bytes.TrimSpace(stat[:open])))
	above, err2 := strconv.Atoi(fields[parent])
	return Info{
		Pid: pid, Name: string(stat[open+1 : end]), Zombie: fields[state] == "Z" || fields[state] == "X",
		parent: above, start: fields[start],
	}, err1 == nil && err2 == nil
}

// Group yields the ids of a process group's processes, zombies included. Elsewhere than on Linux it
// yields none.
func Group(pgid int) iter.Seq[int] {
	return func(yield func(int) bool) {
		names, _ := pids()
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			// This costs a twentieth of opening the process's stat.
			if group, err := unix.Getpgid(pid); err == nil && group == pgid && !yield(pid) {
				return
			}
		}
	}
}

// GroupAlive reports whether a process group has a member that is not a zombie. A dead descendant
// stays one until init reaps it, which a container's first process may never do.
func GroupAlive(pgid int) bool {
	for pid := range Group(pgid) {
		if i, ok := find(pid); ok && !i.Zombie {
			return true
		}
	}
	return false
}

// ticks is how many of /proc's ticks a second has: USER_HZ, which is 100 on every Linux.
const ticks = 100

// groupCPU returns the CPU time that the processes of a group have used, and those that they have
// waited for.
func groupCPU(pgid int) (used time.Duration) {
	for pid := range Group(pgid) {
		used += processCPU(readInto(make([]byte, statSize), "/proc/"+strconv.Itoa(pid)+"/stat"))
	}
	return used
}

// processCPU reads utime, stime, cutime and cstime of /proc/PID/stat.
func processCPU(stat []byte) (used time.Duration) {
	const first, last = 11, 14
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= last {
		return 0
	}
	for _, field := range fields[first : last+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		used += time.Duration(n) * time.Second / ticks
	}
	return used
}
