package workers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// patience bounds how long one Await takes, total how long all of them take that reach that
	// bound, in real time: a worker that is always busy must not hold up every frame.
	patience = 100 * time.Millisecond
	total    = 2 * time.Second
)

// barrier resolves when a worker has run all tasks that were queued before.
const barrier = `new Promise(done => { const c = new MessageChannel(); c.port1.onmessage = () => done(); c.port2.postMessage(0) })`

// Tracker tracks the dedicated workers of one page, those of workers included.
type Tracker struct {
	client *cdp.Client
	any    atomic.Bool

	mu       sync.Mutex
	sessions map[proto.TargetSessionID]struct{}

	// left is what is left of total; Await's only.
	left time.Duration
}

// Watch starts to track a page's workers.
func Watch(c *cdp.Client, page *rod.Page) (*Tracker, error) {
	w := &Tracker{client: c, sessions: map[proto.TargetSessionID]struct{}{}, left: total}
	if err := w.attachTo(page.GetContext(), page.SessionID); err != nil {
		return nil, fmt.Errorf("attach to workers: %w", err)
	}
	return w, nil
}

// attachTo attaches to the workers of a page or a worker, as they start.
func (w *Tracker) attachTo(ctx context.Context, session proto.TargetSessionID) error {
	cdp.On(w.client, session, func(e *proto.TargetAttachedToTarget) {
		if e.TargetInfo.Type != "worker" {
			return
		}
		w.any.Store(true)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sessions[e.SessionID] = struct{}{}
		// Not on the goroutine that would read the reply. An error means that the worker has ended.
		go func() {
			_ = w.attachTo(ctx, e.SessionID)
		}()
	})
	cdp.On(w.client, session, func(e *proto.TargetDetachedFromTarget) {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.sessions, e.SessionID)
	})
	return proto.TargetSetAutoAttach{AutoAttach: true, Flatten: true}.Call(w.client.Within(ctx, w.client.Deadline, session))
}

// Any reports whether the page has, or had, a worker.
func (w *Tracker) Any() bool { return w.any.Load() }

// Await waits until the workers have run the tasks that were queued, but not for long. Only one
// goroutine at a time may call it.
func (w *Tracker) Await(ctx context.Context) {
	w.mu.Lock()
	waiting := slices.Collect(maps.Keys(w.sessions))
	w.mu.Unlock()
	if len(waiting) == 0 || w.left <= 0 {
		return
	}
	begin := time.Now()
	var done sync.WaitGroup
	for _, session := range waiting {
		done.Go(func() {
			// An error means that the worker is busy, or has ended.
			_, _ = proto.RuntimeEvaluate{Expression: barrier, AwaitPromise: true}.Call(w.client.Within(ctx, patience, session))
		})
	}
	done.Wait()
	if took := time.Since(begin); took >= patience {
		w.left -= took
	}
}
