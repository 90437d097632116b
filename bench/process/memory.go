package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// Memory finds the peak memory in bytes of a process and its descendants: the largest sum
// of their proportional set sizes (PSS), in which what several processes share is counted once.
//
// To read PSS takes the kernel a walk over all pages, some 30 ms of CPU time for a browser. So Look
// reads it only when the sum of resident set sizes, which costs nothing, has grown by a twentieth
// since PSS was read last: what it misses is less than that.
type Memory struct {
	// Peak is the most so far.
	Peak int64

	resident int64
}

// Look looks at the memory of a process and its descendants as it is now.
func (m *Memory) Look(root int) error {
	below, err := child.Descendants(root)
	if err != nil {
		return err
	}
	tree := []int{root}
	for _, i := range below {
		if !i.Zombie {
			tree = append(tree, i.Pid)
		}
	}
	var resident int64
	for _, pid := range tree {
		statm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)) // empty when it has ended
		resident += parseResident(statm)
	}
	if resident < m.resident+m.resident/20 {
		return nil
	}
	m.resident = resident
	var proportional int64
	for _, pid := range tree {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has ended
		}
		proportional += parsePSS(rollup)
	}
	m.Peak = max(m.Peak, proportional)
	return nil
}

// parseResident reads the second number of /proc/PID/statm, which is in pages; 0 when there is
// none.
func parseResident(statm []byte) int64 {
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// parsePSS reads the line "Pss:  123 kB" of /proc/PID/smaps_rollup; 0 when there is none.
func parsePSS(rollup []byte) int64 {
	for line := range bytes.Lines(rollup) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "Pss:" {
			continue
		}
		kilobytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			return 0
		}
		return kilobytes << 10
	}
	return 0
}
