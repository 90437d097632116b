package capture

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// longest is how many frames a stride has at most: they are delivered after it.
const longest = 60

// stride draws frames of a page that stands still, one after the other, until it moves. Each call is made where the answer to the
// one before is read: for another goroutine, a thread on another core would have to be woken each time. Until done has something,
// all but done and answers belongs to the goroutine that reads.
type stride struct {
	*scene
	answers atomic.Int64
	times   []micros // of the frames that are left
	passed  int      // frames that look as the one before does
	seen    glance   // of the one after them
	granted micros   // how much time is about to pass
	done    chan error
}

// stride delivers frames from n on as long as they look as the one before does, and returns the number of the one that it ends at, and
// what is known of that. The page's time may have come to it.
func (s *scene) stride(ctx context.Context, start micros, n int) (next int, seen glance, err error) {
	st := &stride{scene: s, done: make(chan error, 1)}
	for i := n; i < min(n+longest, s.Frames) && !s.due(i); i++ {
		st.times = append(st.times, start+frameTime(s.Rate, i))
	}
	if len(st.times) == 0 || !s.alone() {
		return n, glance{}, nil
	}
	defer cdp.Take(s.client, s.page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) { st.expired() })()
	st.grant()
	if err := st.await(ctx); err != nil {
		return n, glance{}, err
	}
	for range st.passed {
		if err := s.sink.Repeat(); err != nil {
			return n, glance{}, err
		}
		n++
		s.progress(n)
	}
	return n, st.seen, nil
}

// await waits for the stride's end, as long as answers come.
func (st *stride) await(ctx context.Context) error {
	tick := time.NewTicker(st.client.Deadline / 10)
	defer tick.Stop()
	heard, since := int64(0), time.Now()
	for {
		select {
		case err := <-st.done:
			return err
		case <-st.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if now := st.answers.Load(); now != heard {
			heard, since = now, time.Now()
		} else if time.Since(since) > st.client.Deadline {
			return fmt.Errorf("%w: a still frame did not come in %s", cdp.ErrStalled, st.client.Deadline)
		}
	}
}

// alone reports whether only the page's own time makes it move: no request is under way or has just ended, and there is no worker and no
// video.
func (s *scene) alone() bool {
	return !s.workers.any.Load() && !s.seeks.videos && !s.requests.media.Load() && s.seeks.recently <= 0 &&
		s.requests.begun() == s.seeks.asked && s.requests.events() == s.events && s.requests.none()
}

// grant lets the time of the next frame come.
func (st *stride) grant() {
	d := st.times[0] - st.clock.elapsed
	request := st.clock.policy(d)
	st.client.Then(string(st.page.SessionID), request.ProtoReq(), request, func(reply cdp.Raw, err error) {
		if err != nil {
			st.done <- err
			return
		}
		st.clock.from(reply.Float("virtualTimeTicksBase"))
		st.granted = d
	})
}

// expired draws the frame whose time has come.
func (st *stride) expired() {
	st.answers.Add(1)
	if st.granted == 0 {
		return // of a grant before
	}
	st.clock.elapsed += st.granted
	st.granted = 0
	if st.clock.elapsed != st.times[0] || !st.alone() {
		st.done <- nil
		return
	}
	request := st.drawing(st.clock.elapsed)
	st.client.Then(string(st.page.SessionID), request.ProtoReq(), request, func(reply cdp.Raw, err error) {
		if err != nil {
			st.done <- err
			return
		}
		st.seen = glance{drawn: true, damaged: reply.Bool("hasDamage")}
		if st.seen.damaged || !st.alone() {
			st.done <- nil
			return
		}
		st.passed, st.seen, st.times = st.passed+1, glance{}, st.times[1:]
		if len(st.times) == 0 {
			st.done <- nil
			return
		}
		st.grant()
	})
}
