//go:build !linux

package chrome

import (
	"iter"
	"os"
)

func enlarge(*os.File) {}

// threads are not known here.
func threads(int) iter.Seq[int] { return func(func(int) bool) {} }

// SmallShm reports whether shared memory is too small for Chrome; only Linux has such a limit.
func SmallShm() bool { return false }

// groupMemory is not known here.
type groupMemory struct{}

func (*groupMemory) read(int) int64 { return 0 }
