package chrome

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// enlarge widens a pipe, so that a picture takes one turn between the processes instead of a dozen.
// It is an optimisation: a kernel that refuses changes nothing but the speed.
func enlarge(pipe *os.File) { _, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, 1<<20) }

// threads yields the ids of all threads of a group's processes.
func threads(pgid int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for dir := range members(pgid) {
			tasks, _ := os.ReadDir(filepath.Join(dir, "task"))
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

// groupAlive reports whether a process group has a member that is not a zombie. A dead child of
// Chrome's stays one until init reaps it, which a container's first process may never do.
func groupAlive(pgid int) bool {
	for range members(pgid) {
		return true
	}
	return false
}

// reap takes note of the end of those of a group whose parent has ended and who have become our
// children: they do where we are a container's first process, or have asked for it
// (PR_SET_CHILD_SUBREAPER). What they have cost counts as ours then. The group's leader must have
// been waited for. It reports whether some of them have not ended yet: one whose threads end one
// after the other is a zombie already, and cannot be waited for before the last of them.
func reap(pgid int) (left bool) {
	for {
		switch pid, err := unix.Wait4(-pgid, nil, unix.WNOHANG, nil); {
		case err == unix.EINTR:
		case err != nil:
			return false
		case pid == 0:
			return true
		}
	}
}

// group yields the folders in /proc of a group's processes.
func group(pgid int) iter.Seq[string] {
	return func(yield func(string) bool) {
		proc, err := os.Open("/proc")
		if err != nil {
			return
		}
		defer proc.Close()
		names, _ := proc.Readdirnames(-1)
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			// Of most processes, this is all that is asked: it costs a twentieth of opening a file.
			if group, err := unix.Getpgid(pid); err != nil || group != pgid {
				continue
			}
			if !yield(filepath.Join("/proc", name)) {
				return
			}
		}
	}
}

// members yields those that are no zombies.
func members(pgid int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for dir := range group(pgid) {
			stat, err := os.ReadFile(filepath.Join(dir, "stat"))
			if err != nil {
				continue
			}
			// pid (name) state …; the name may hold anything.
			fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
			if len(fields) > 0 && fields[0][0] != 'Z' && !yield(dir) {
				return
			}
		}
	}
}
