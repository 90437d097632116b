//go:build !linux

package child

import (
	"errors"
	"syscall"
)

// AdoptOrphans fails: it needs Linux.
func AdoptOrphans() error { return errors.New("orphans can be adopted on Linux only") }

// setOrphaned does nothing: it needs Linux.
func setOrphaned(*syscall.SysProcAttr, syscall.Signal) {}
