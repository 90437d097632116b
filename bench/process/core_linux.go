package process

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Cores returns the cores that this process may run on, as the kernel numbers them.
func Cores() ([]int, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, fmt.Errorf("list cores: %w", err)
	}
	var cores []int
	for n := 0; len(cores) < allowed.Count(); n++ {
		if allowed.IsSet(n) {
			cores = append(cores, n)
		}
	}
	return cores, nil
}

// OnCore runs start, which starts a process: it, and all that it starts, runs on one core only.
func OnCore(core int, start func() error) error {
	// A process inherits this from the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("bind to a core: %w", err)
	}
	one.Set(core)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("bind to a core: %w", err)
	}
	err := start()
	if e := unix.SchedSetaffinity(0, &before); err == nil && e != nil {
		err = fmt.Errorf("bind to a core: %w", e)
	}
	return err
}
