package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// hide keeps other processes of the same user from reading this one's environment and memory, which
// hold NATS's credentials. Where Chrome has no sandbox, a page that has taken it over is such a
// process.
func hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide from other processes: %w", err)
	}
	return nil
}
