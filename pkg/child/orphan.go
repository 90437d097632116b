package child

import (
	"errors"
	"syscall"
)

// Reap waits for those children of this process that have ended: the one of this id, all of a group
// by its negative number, all by -1. It does not block, and reports whether some have not ended
// yet. A process whose threads end one after the other looks like a zombie before it can be waited
// for.
//
// It must not run for a child that somebody else waits for, such as exec.Cmd.Wait. It is for those
// that lost their parent and were adopted, by AdoptOrphans or because this process is a container's
// first. What they used then counts as used by this process's children.
func Reap(pid int) (left bool) {
	for {
		switch found, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return false
		case found == 0:
			return true
		}
	}
}
