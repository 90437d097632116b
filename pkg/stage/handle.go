package stage

import (
	"fmt"
	"runtime/debug"
)

// handle runs the handler in a folder of its own, which is gone when it returns.
func (l *lease) handle(handler Handler) (facts any, err error) {
	dir, remove, err := l.worker.scratch.folder(fmt.Sprintf("%s-a%d", l.task.TaskID, l.task.Attempt))
	if err != nil {
		return nil, err
	}
	defer remove()
	l.task.Dir, l.task.Log = dir, l.log
	l.log.Info().Msg("task started")
	defer func() {
		if p := recover(); p != nil {
			facts, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	facts, err = handler.Handle(l.ctx, l.task)
	l.storeBundle(err)
	return facts, err
}
