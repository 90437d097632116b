package main

import "golang.org/x/sys/unix"

// adoptOrphans makes the processes whose parent has ended children of this one, until end is
// called. Whoever started them waits for them (see the recorder's package chrome).
func adoptOrphans() (end func()) {
	set := func(on uintptr) { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0) }
	set(1)
	return func() { set(0) }
}
