package stage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

// Why a task's context is cancelled.
var (
	// errDraining: the worker stops and its drain time is over.
	errDraining = errors.New("the worker stops")
	// errTimeout: the attempt took longer than its grant allows. It is charged like any failure.
	errTimeout = errors.New("the attempt took longer than it may")
)

// lease is an attempt that this worker holds, from the grant until it is settled.
type lease struct {
	worker *Worker
	task   *Task
	m      jetstream.Msg
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelCauseFunc
	// unwanted is cancelled when ingest no longer wants the attempt, even if ctx was cancelled
	// before for another reason.
	unwanted context.Context
	refuse   context.CancelCauseFunc
	// working ends when the drain does.
	working context.Context
	// span is the attempt's.
	span telemetry.Attempt
	// bundled: a failure bundle is stored.
	bundled bool
	// account takes what the handler uses. used is what that came to, with the share of this
	// process; nil for an attempt that was not begun.
	account usage.Account
	used    *msg.Usage
	// kept waits for the goroutines that keep the lease. quit ends them; release ends everything.
	kept    sync.WaitGroup
	keeping context.Context
	quit    context.CancelFunc
	release func()
	// over is when ctx was cancelled, zero before; handled: the handler has returned. The worker's
	// mu guards them.
	over    time.Time
	handled bool
	// pulse is of its heartbeats; the worker's mu guards it.
	pulse pulse
}

// hold keeps a granted task: it sends heartbeats to ingest, which renew the lease and return
// whether to stop, and InProgress to JetStream, which only delays redelivery. The message was
// received at since: work that is done soon after that needs no InProgress.
func (w *Worker) hold(working context.Context, log zerolog.Logger, grant *msg.Grant, m jetstream.Msg, since time.Time) *lease {
	l := &lease{worker: w, task: NewTask(*grant, "", log), m: m, log: log, working: working}
	l.task.Objects = timed{l.task.Objects, w.metrics}
	l.ctx, l.cancel = context.WithCancelCause(working)
	l.unwanted, l.refuse = context.WithCancelCause(context.WithoutCancel(working))
	if limit := time.Duration(grant.Timeout); limit > 0 {
		timer := time.AfterFunc(limit, func() { l.cancel(fmt.Errorf("%w (%s)", errTimeout, limit)) })
		context.AfterFunc(l.ctx, func() { timer.Stop() })
	}
	// The lease is kept after the drain, until the task is settled.
	l.keeping, l.quit = context.WithCancel(context.WithoutCancel(working))
	keeping := l.keeping
	now := time.Now()
	l.pulse = pulse{next: now.Add(time.Duration(grant.HeartbeatEvery)), answered: now}
	l.kept.Go(func() { l.heartbeat(keeping) })
	l.kept.Go(func() {
		every := time.Duration(grant.Lease) / 3
		for retry.Sleep(keeping, every-time.Since(since)); keeping.Err() == nil; retry.Sleep(keeping, every) {
			_ = m.InProgress() // its outcome does not matter: see heartbeat
		}
	})
	w.mu.Lock()
	w.running[l] = struct{}{}
	w.mu.Unlock()
	context.AfterFunc(l.ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		l.over = time.Now()
	})
	w.metrics.inFlight.WithLabelValues(string(grant.Kind)).Inc()
	l.release = func() {
		w.metrics.inFlight.WithLabelValues(string(grant.Kind)).Dec()
		w.mu.Lock()
		delete(w.running, l)
		w.mu.Unlock()
		l.letGo()
		l.cancel(nil)
		l.refuse(nil)
	}
	return l
}

// stop ends an attempt that is not wanted any more.
func (l *lease) stop(reason string) {
	err := fmt.Errorf("%w: %s", ErrNotWanted, reason)
	l.refuse(err)
	l.cancel(err)
}

// Alive returns nil unless a handler does not return although its attempt was cancelled long ago:
// then its slot is lost until the worker is started again.
func (w *Worker) Alive() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.running {
		if !l.handled && !l.over.IsZero() && time.Since(l.over) > w.pace.overWithin {
			return fmt.Errorf("the work on task %s was cancelled %s ago and goes on", l.task.TaskID, time.Since(l.over).Round(time.Second))
		}
	}
	return nil
}

// letGo stops heartbeats and InProgress, and returns when no more of them are sent.
func (l *lease) letGo() {
	l.quit()
	l.kept.Wait()
}

// cancelRender stops every running task of a render.
func (w *Worker) cancelRender(render uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.running {
		if l.task.RenderID == render {
			l.stop("the render was cancelled")
		}
	}
}
