package stage

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/usage"
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
	defer l.worker.returned(l)
	facts, err = handler.Handle(usage.With(l.ctx, &l.account), l.task)
	l.storeBundle(err)
	return facts, err
}

// returned notes that the handler of a lease has returned.
func (w *Worker) returned(l *lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.handled = true
}

// used returns what an attempt has used, with its share of the worker's own CPU time.
func used(account *usage.Account, share time.Duration) *msg.Usage {
	u := &msg.Usage{Children: msg.Duration(account.CPU()), Worker: msg.Duration(share)}
	u.In, u.Out, u.Web = account.Bytes()
	return u
}
