package process

import (
	"errors"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
)

const (
	// endPoll is how often End checks.
	endPoll = 5 * time.Millisecond
	// killTime is how long killed processes may take to end.
	killTime = 10 * time.Second
)

// End waits until this process has no children left, and kills all of its descendants when patience
// is over. It must not run beside an exec.Cmd's Wait, whose child it would take.
func End(patience time.Duration) error {
	for begin := time.Now(); child.Reap(-1); time.Sleep(endPoll) {
		switch over := time.Since(begin) - patience; {
		case over > killTime:
			return errors.New("processes that were killed do not end")
		case over >= 0:
			if err := child.KillDescendants(); err != nil {
				return err
			}
		}
	}
	return nil
}
