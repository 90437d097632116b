package stage

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

// BundlePath returns where a handler may leave a failure bundle: a file that helps to find out why
// the attempt failed, without secrets. If the attempt is reported as failed, the worker stores it.
// Empty: none is wanted.
func (t *Task) BundlePath() string {
	if t.Bundle == nil {
		return ""
	}
	return filepath.Join(t.Dir, "failure-bundle")
}

// storeBundle stores the failure bundle that the handler left when it failed with err. It does
// nothing for an attempt that is not reported as failed. Its own errors are only logged.
func (l *lease) storeBundle(err error) {
	path := l.task.BundlePath()
	if path == "" || err == nil {
		return
	}
	var result msg.Result
	if conclude(&result, err, context.Cause(l.ctx)); result.Outcome != msg.Failed {
		return
	}
	// Not the handler's context, which has ended if the attempt took too long.
	ctx, cancel := context.WithTimeout(l.unwanted, l.worker.pace.bundle)
	defer cancel()
	defer context.AfterFunc(l.working, cancel)()
	err = l.task.Objects.Put(usage.With(ctx, &l.account), "the failure bundle", *l.task.Bundle, path)
	switch {
	case err == nil:
		l.bundled = true
	case !errors.Is(err, os.ErrNotExist):
		l.log.Warn().Str("error", redact.Text(err.Error())).Msg("failure bundle not stored")
	}
}
