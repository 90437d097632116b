//go:build !linux

package chrome

import (
	"os"
	"syscall"
)

func enlarge(*os.File) {}

// Cores are unknown here: nothing can be pinned to them.
func Cores() []int { return nil }

func pinGroup(int, []int) {}

func pinThread(int, []int) {}

// threadID is of no use: nobody can pin it.
func threadID() int { return 0 }

// SmallShm reports whether shared memory is too small for Chrome; only Linux has such a limit.
func SmallShm() bool { return false }

func reap(int) bool { return false }

// groupAlive reports whether a process group has a member.
func groupAlive(pgid int) bool { return syscall.Kill(-pgid, 0) == nil }

// groupMemory is not known here.
type groupMemory struct{}

func (*groupMemory) look(int) int64 { return 0 }
