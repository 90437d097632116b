package process

import (
	"fmt"
	"syscall"
	"time"
)

// Usage is CPU time, user and system, since the process began.
type Usage struct {
	// Self is this process's own, Children that of all descendants that were waited for.
	Self, Children time.Duration
}

// Used returns what this process has used, and those of its descendants that were waited for: call
// End first.
func Used() (Usage, error) {
	var self, children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return Usage{}, fmt.Errorf("read CPU time: %w", err)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		return Usage{}, fmt.Errorf("read CPU time: %w", err)
	}
	return Usage{Self: total(self), Children: total(children)}, nil
}

func total(r syscall.Rusage) time.Duration {
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
