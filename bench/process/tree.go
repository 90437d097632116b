package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// ticks is how many units of /proc/PID/stat a second has: USER_HZ, which is 100 on all platforms
// that Go runs on.
const ticks = 100

// Tree returns the CPU time of a process that runs, of its descendants, and of those of them that
// were waited for.
func Tree(root int) (time.Duration, error) {
	below, err := child.Descendants(root)
	if err != nil {
		return 0, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", root))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	sum := parseTimes(stat)
	for _, i := range below {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", i.Pid)) // empty when it has ended
		sum += parseTimes(stat)
	}
	return sum, nil
}

// parseTimes adds up utime, stime, cutime and cstime of /proc/PID/stat.
func parseTimes(stat []byte) (sum time.Duration) {
	const first, last = 11, 14 // after the name, which may hold anything
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= last {
		return 0
	}
	for _, field := range fields[first : last+1] {
		n, _ := strconv.ParseInt(string(field), 10, 64)
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum
}
