package chrome

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// groupMemory knows what the processes of a group held when it last looked.
type groupMemory map[string]processMemory

type processMemory struct{ resident, held int64 }

// grown is by how many bytes the resident memory of a process differs before it is looked at again: what its memory consists of is
// ten times as much to ask for as how much it is.
const grown = 4 << 20

// look returns how many bytes a group's processes hold that are no file's: what would be free without them. Memory that they share
// counts once for each, since what tells it apart (smaps_rollup) may not be read of a sandboxed process.
func (m groupMemory) look(pgid int) (held int64) {
	for dir := range group(pgid) { // a zombie holds none
		resident := residentMemory(dir)
		p, ok := m[dir]
		if difference := resident - p.resident; !ok || max(difference, -difference) >= grown {
			p = processMemory{resident, ownMemory(dir)}
			m[dir] = p
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
		return 0 // it has just ended
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
