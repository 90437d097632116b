package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	// endPoll is how often End looks.
	endPoll = 5 * time.Millisecond
	// killTime is how long what was killed may take to be gone.
	killTime = 10 * time.Second
)

// End waits until this process has no children left, and kills all of its descendants when patience
// is over. It must not run beside an exec.Cmd's Wait, whose child it would take.
func End(patience time.Duration) error {
	for begin := time.Now(); ; time.Sleep(endPoll) {
		if gone, err := reap(); gone || err != nil {
			return err
		}
		switch over := time.Since(begin) - patience; {
		case over > killTime:
			return errors.New("processes that were killed do not end")
		case over >= 0:
			if err := killDescendants(); err != nil {
				return err
			}
		}
	}
}

// reap waits for the children that have ended, and reports whether there is no other.
func reap() (gone bool, err error) {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD):
			return true, nil
		case err != nil:
			return false, fmt.Errorf("wait for children: %w", err)
		case pid == 0:
			return false, nil
		}
	}
}

func killDescendants() error {
	tree, err := Tree(os.Getpid())
	if err != nil {
		return err
	}
	for _, pid := range tree {
		if pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended since
		}
	}
	return nil
}
