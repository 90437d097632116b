package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// statSize is more than /proc/PID/stat ever has.
const statSize = 4 << 10

// Tree returns a process and all of its descendants, without zombies.
func Tree(root int) ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]int{}
	buffer := make([]byte, statSize)
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		stat := readInto(buffer, "/proc/"+name+"/stat")
		if pid, parent, zombie, ok := parseStat(stat); ok && !zombie {
			children[parent] = append(children[parent], pid)
		}
	}
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree, nil
}

// readInto reads the beginning of a small file; nothing of one that is not there, as of a process
// that has ended. There are hundreds of them to read several times a second beside what is being
// measured, so it takes the shortest way.
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

// parseStat reads /proc/PID/stat: pid (name) state ppid …, where the name may hold anything.
func parseStat(stat []byte) (pid, parent int, zombie, ok bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return 0, 0, false, false
	}
	fields := bytes.Fields(stat[end+1:])
	if len(fields) < 2 {
		return 0, 0, false, false
	}
	pid, err1 := strconv.Atoi(string(bytes.TrimSpace(stat[:open])))
	parent, err2 := strconv.Atoi(string(fields[1]))
	state := fields[0][0]
	return pid, parent, state == 'Z' || state == 'X', err1 == nil && err2 == nil
}
