//go:build faults

package fault

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

var (
	// step is where this process is to be killed; empty for nowhere.
	step = Step(os.Getenv("FAULT_KILL"))
	// left is how many times it gets there until then.
	left = func() *atomic.Int64 {
		n, _ := strconv.ParseInt(os.Getenv("FAULT_PASS"), 10, 64)
		var left atomic.Int64
		left.Store(max(n, 1))
		return &left
	}()
)

// Here says that the process has got to s. If this is where it is to be killed, Here does not
// return.
func Here(s Step) {
	if s != step || left.Add(-1) > 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal ends all threads, though not at once
}
