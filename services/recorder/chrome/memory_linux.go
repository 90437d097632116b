package chrome

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// groupMemory knows how much memory the processes of a group held when it was last read.
type groupMemory struct {
	reads int
	known map[string]processMemory
}

type processMemory struct{ resident, held int64 }

// To read what a process's memory consists of costs four times as much as to read how much is
// resident. So it is read when the resident memory differs by grown bytes, and in each
// refreshEvery-th time in any case: memory that is swapped out, or is no longer a file's, makes no
// difference there.
const (
	grown        = 4 << 20
	refreshEvery = 8
)

// read returns how many bytes a group's processes hold that are no file's: what would be free
// without them. Memory that they share counts once for each, since what tells it apart
// (smaps_rollup) may not be read of a sandboxed process.
func (m *groupMemory) read(pgid int) (held int64) {
	if m.reads%refreshEvery == 0 {
		m.known = map[string]processMemory{}
	}
	m.reads++
	for pid := range child.Group(pgid) {
		dir := fmt.Sprintf("/proc/%d", pid)
		resident := residentMemory(dir)
		if resident == 0 {
			continue // it has ended
		}
		p, ok := m.known[dir]
		if difference := resident - p.resident; !ok || max(difference, -difference) >= grown {
			p = processMemory{resident, ownMemory(dir)}
			m.known[dir] = p
		}
		held += p.held
	}
	return held
}

// residentMemory is the second number of a process's statm, which is in pages.
func residentMemory(dir string) int64 {
	statm, err := os.ReadFile(filepath.Join(dir, "statm"))
	fields := bytes.Fields(statm)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

func ownMemory(dir string) (held int64) {
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch string(name) {
		case "RssAnon", "RssShmem", "VmSwap":
			fields := bytes.Fields(value) // in kB
			if len(fields) > 0 {
				kb, _ := strconv.ParseInt(string(fields[0]), 10, 64)
				held += kb << 10
			}
		}
	}
	return held
}
