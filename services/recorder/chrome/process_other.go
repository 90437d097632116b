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

// SmallShm reports whether shared memory is too small for Chrome; only Linux has such a limit.
func SmallShm() bool { return false }

func reap(int) bool { return false }

// groupAlive reports whether a process group has a member.
func groupAlive(pgid int) bool { return syscall.Kill(-pgid, 0) == nil }

// groupMemory is not known here.
func groupMemory(int) int64 { return 0 }
