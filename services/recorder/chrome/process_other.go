//go:build !linux

package chrome

import (
	"iter"
	"os"
	"syscall"
)

func enlarge(*os.File) {}

// threads are not known here.
func threads(int) iter.Seq[int] { return func(func(int) bool) {} }

// SmallShm reports whether shared memory is too small for Chrome; only Linux has such a limit.
func SmallShm() bool { return false }

func reap(int) bool { return false }

// groupAlive reports whether a process group has a member.
func groupAlive(pgid int) bool { return syscall.Kill(-pgid, 0) == nil }

// groupMemory is not known here.
type groupMemory struct{}

func (*groupMemory) look(int) int64 { return 0 }
