package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of every descendant whose own parent ends.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	return nil
}
