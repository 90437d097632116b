package child

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// AdoptOrphans makes this process the parent of every descendant whose own parent ends. They can
// then be found with Descendants, and must be reaped.
func AdoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	return nil
}

// setOrphaned has the kernel send a child a signal when the thread that starts it ends.
func setOrphaned(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
