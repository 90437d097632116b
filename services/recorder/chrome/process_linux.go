package chrome

import (
	"fmt"
	"iter"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/loom-lite/loom-lite/pkg/child"
)

// enlarge widens a pipe, so that a picture takes one turn between the processes instead of a dozen.
// It is an optimisation: a kernel that refuses changes nothing but the speed.
func enlarge(pipe *os.File) { _, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, 1<<20) }

// threads yields the ids of all threads of a group's processes.
func threads(pgid int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for pid := range child.Group(pgid) {
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
			for _, task := range tasks {
				if id, err := strconv.Atoi(task.Name()); err == nil && !yield(id) {
					return
				}
			}
		}
	}
}

// SmallShm reports whether /dev/shm has less than 512 MB free.
func SmallShm() bool {
	var s unix.Statfs_t
	return unix.Statfs("/dev/shm", &s) != nil || s.Bavail*uint64(s.Bsize) < 512<<20
}
