package child

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cpuGrace is how much longer a process may run after the SIGXCPU that says its time is up.
const cpuGrace = 10 * time.Second

// apply bounds a process that has just been started: it has read nothing yet that could make it use
// much.
func (l *Limits) apply(pid int) error {
	if err := setLimit(pid, unix.RLIMIT_CORE, 0, 0); err != nil {
		return err
	}
	if l.Memory > 0 {
		if err := setLimit(pid, unix.RLIMIT_DATA, uint64(l.Memory), uint64(l.Memory)); err != nil {
			return err
		}
	}
	if l.CPU > 0 {
		seconds := uint64(max(1, l.CPU/time.Second))
		if err := setLimit(pid, unix.RLIMIT_CPU, seconds, seconds+uint64(cpuGrace/time.Second)); err != nil {
			return err
		}
	}
	if l.File > 0 {
		return setLimit(pid, unix.RLIMIT_FSIZE, uint64(l.File), uint64(l.File))
	}
	return nil
}

// setLimit never raises a limit that this process has itself.
func setLimit(pid, resource int, soft, hard uint64) error {
	var old unix.Rlimit
	err := unix.Prlimit(pid, resource, nil, &old)
	if err == nil {
		err = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: min(soft, old.Cur), Max: min(hard, old.Max)}, nil)
	}
	if errors.Is(err, unix.ESRCH) {
		return nil // it has ended
	}
	if err != nil {
		return fmt.Errorf("limit a process: %w", err)
	}
	return nil
}
