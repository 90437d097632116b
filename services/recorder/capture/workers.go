package capture

import (
	"context"
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
	// workerPatience is how long in real time a frame waits for workers, workersPatience all frames
	// together for those that do not answer in time: one that is busy all the time must not be
	// waited for in every frame.
	workerPatience  = 100 * time.Millisecond
	workersPatience = 2 * time.Second
)

// workerStep is how much page time passes at most before workers are looked after: a timer of
// theirs comes due when they are, and comes once however often it was due. It is half a frame of 60
// a second.
const workerStep = 84 * grain

// inTurn is answered when a worker has done all that it was given before.
const inTurn = `new Promise(done => { const c = new MessageChannel(); c.port1.onmessage = () => done(); c.port2.postMessage(0) })`

// workers are those of the page, their own included. They run on threads of their own, in real
// time.
type workers struct {
	client *cdp.Client
	// any says that there is one, or was.
	any atomic.Bool

	mu       sync.Mutex
	sessions map[proto.TargetSessionID]struct{}

	// patience is for how long workers may be waited for that do not answer in time.
	patience time.Duration
}

func watchWorkers(c *cdp.Client, page *rod.Page) (*workers, error) {
	w := &workers{client: c, sessions: map[proto.TargetSessionID]struct{}{}, patience: workersPatience}
	return w, w.attachTo(page.GetContext(), page.SessionID)
}

// attachTo attaches to the workers of what has a session, as they come.
func (w *workers) attachTo(ctx context.Context, session proto.TargetSessionID) error {
	cdp.On(w.client, session, func(e *proto.TargetAttachedToTarget) {
		if e.TargetInfo.Type != "worker" {
			return
		}
		w.any.Store(true)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sessions[e.SessionID] = struct{}{}
		// not on the goroutine that would read the answer, whose error is that of a worker which
		// has gone
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

// advanceBesideWorkers lets time pass until to. Where there are workers, it passes in steps, none
// of which begins before they have done what they were given.
func (s *scene) advanceBesideWorkers(ctx context.Context, to micros) error {
	if s.clock.real || !s.workers.any.Load() {
		return s.clock.advance(ctx, to)
	}
	for left := to - s.clock.elapsed; left > 0; {
		s.workers.await(ctx)
		step := min(left, workerStep)
		if err := s.clock.advance(ctx, s.clock.elapsed+step); err != nil {
			return err
		}
		before := s.clock.elapsed
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		left -= step + max(0, s.clock.elapsed-before)
	}
	return nil
}

// await waits until the workers have done what they were given, but not for long.
func (w *workers) await(ctx context.Context) {
	w.mu.Lock()
	waiting := slices.Collect(maps.Keys(w.sessions))
	w.mu.Unlock()
	if len(waiting) == 0 || w.patience <= 0 {
		return
	}
	begin := time.Now()
	var done sync.WaitGroup
	for _, session := range waiting {
		done.Go(func() {
			// Its error is that of a worker that is busy, or has gone.
			_, _ = proto.RuntimeEvaluate{Expression: inTurn, AwaitPromise: true}.Call(w.client.Within(ctx, workerPatience, session))
		})
	}
	done.Wait()
	if took := time.Since(begin); took >= workerPatience {
		w.patience -= took
	}
}
