package capture

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// A stride has at most so many frames: the first after a change as many as shortest, the next twice
// as many, up to longest. Who takes the frames learns from a stride's end that the page stands
// still.
const (
	shortest = 30
	longest  = 240
)

// stride draws frames of a page that stands still, one after the other, until it moves. Each call
// is made where the answer to the one before is read: for another goroutine, a thread on another
// core would have to be woken each time. From grant until done has something, all that is not
// atomic belongs to the goroutine that reads, the scene's clock and ticks included.
type stride struct {
	*scene
	begun   time.Time
	calls   stillCalls
	times   []micros      // of the frames that are left
	asked   micros        // how much time was asked for
	granted micros        // how much is passing
	seen    glance        // of the frame after those that passed
	waited  time.Duration // for what the page asked for

	passed atomic.Int64 // frames that look as the one before does
	heard  atomic.Int64 // a sign
	forced atomic.Bool
	// calendar is what another process would begin with.
	calendar proto.TimeSinceEpoch
	done     chan error

	next int // the frame to deliver; of the goroutine that captures
}

// stillCalls are the two calls of a still frame, prepared, and who takes their answers.
type stillCalls struct {
	grant, draw       *cdp.Call
	passing, wasDrawn func(cdp.Raw, error)
}

func (s *scene) prepareCalls() (c stillCalls, err error) {
	policy := s.clock.policy(0)
	policy.InitialVirtualTime = s.clock.calendar(s.clock.next) // as the last call had it
	if c.grant, err = cdp.NewCall(s.page.SessionID, policy, "budget"); err != nil {
		return c, err
	}
	c.draw, err = cdp.NewCall(s.page.SessionID, s.drawing(s.clock.ticks(0)), "frameTimeTicks")
	return c, err
}

// sign is when Chrome answered last, in nanoseconds since the stride began, and in its lowest bit
// whether that was to let time pass.
type sign int64

func (s sign) after() time.Duration { return time.Duration(s >> 1) }
func (s sign) granted() bool        { return s&1 == 1 }

// stride delivers frames from n on as long as they look as the one before does, and returns the
// number of the one that it ends at, and what is known of that. The page's time may have come to
// it.
func (s *scene) stride(ctx context.Context, start micros, n int) (next int, seen glance, err error) {
	st := &stride{
		scene: s, begun: time.Now(), done: make(chan error, 1), next: n, calendar: s.clock.calendar(s.clock.next),
	}
	for i := n; i < min(n+max(s.reach, shortest), s.Frames) && !s.due(i); i++ {
		st.times = append(st.times, start+frameTime(s.Rate, i))
	}
	if len(st.times) == 0 || st.times[0] <= s.clock.elapsed || s.clock.stall <= 0 || !s.quiet() {
		return n, glance{}, nil
	}
	if st.calls, err = s.prepareCalls(); err != nil {
		return n, glance{}, err
	}
	st.calls.passing, st.calls.wasDrawn = st.passing, st.wasDrawn
	defer cdp.OnExclusive(s.client, s.page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) { st.expired() })()
	st.hear(0)
	st.grant()
	// What passed before it failed counts.
	if err := errors.Join(st.await(ctx, n), st.deliver(n)); err != nil {
		return st.next, glance{}, err
	}
	s.clock.stall -= st.waited
	if s.reach = min(2*max(s.reach, shortest), longest); len(st.times) > 0 {
		s.reach = 0
	} else if st.next-n >= shortest {
		s.rest.strode()
	}
	return st.next, st.seen, nil
}

// rest knows whether the page stands still: from the first stride that no change ends, until there
// are two changes without such a stride between them.
type rest struct {
	tell    func(still bool) // may be nil
	still   bool
	stirred bool // since the last stride
}

func (r *rest) strode() {
	r.stirred = false
	r.set(true)
}

func (r *rest) changed() {
	if r.stirred {
		r.set(false)
	}
	r.stirred = true
}

func (r *rest) set(still bool) {
	if r.still == still {
		return
	}
	r.still = still
	if r.tell != nil {
		r.tell(still)
	}
}

// deliver delivers what has passed, of a stride from a frame on.
func (st *stride) deliver(from int) error {
	for end := from + int(st.passed.Load()); st.next < end; {
		if err := st.sink.Repeat(); err != nil {
			return err
		}
		st.next++
		st.progress(st.next)
	}
	return nil
}

// quiet reports whether only the page's own time makes it move: no request is under way or has just
// ended, there is no worker and no video, no picture is being decoded for a script, and the page is
// led to no other process.
func (s *scene) quiet() bool {
	return !s.workers.Any() && !s.seeks.videos && !s.requests.Media() && s.seeks.recently <= 0 &&
		s.requests.Begun() == s.seeks.asked && s.requests.Events() == s.events && s.requests.None() && !s.images.Any() &&
		!s.clock.moved && !s.anteroom.waits.Load()
}

// await waits for the stride's end: for each answer as long as for that of any call, and for
// granted time as patiently as the clock does.
func (st *stride) await(ctx context.Context, from int) error {
	poll := time.NewTicker(st.clock.pollEvery())
	defer poll.Stop()
	deadline, since := st.client.Deadline, st.begun
	for {
		select {
		case err := <-st.done:
			return err
		case <-st.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
		last := st.last()
		waited := time.Since(st.begun) - last.after()
		if err := st.deliver(from); err != nil {
			return err
		}
		switch {
		case last.granted() && !st.forced.Load():
			if !st.clock.hopeless(min(waited, time.Since(since))) {
				continue
			}
			// Where the page is led elsewhere time would go on without bounds, as in clock.grant.
			if leads, err := st.leads(); err != nil {
				return err
			} else if leads {
				since = time.Now()
				continue
			}
			st.force()
			deadline += waited
		case waited > deadline:
			return fmt.Errorf("%w: a still frame did not come in %s", cdp.ErrStalled, deadline)
		}
	}
}

// force lets granted time pass whatever the page waits for. The stride ends with it.
func (st *stride) force() {
	st.forced.Store(true)
	st.requests.Recall()
	// Without a budget: what is left of the one that was granted stays.
	request := proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyAdvance, InitialVirtualTime: st.calendar,
	}
	// If that fails, await's bound tells.
	st.client.Then(string(st.page.SessionID), request.ProtoReq(), request, func(cdp.Raw, error) {})
}

func (st *stride) hear(granted micros) {
	st.granted = granted
	last := sign(time.Since(st.begun)) << 1
	if granted > 0 {
		last++
	}
	st.heard.Store(int64(last))
}

func (st *stride) last() sign { return sign(st.heard.Load()) }

// grant lets the time of the next frame come.
func (st *stride) grant() {
	st.asked = st.times[0] - st.clock.elapsed
	st.clock.note(st.asked)
	st.client.Again(st.calls.grant, st.asked.ms(), st.calls.passing)
}

// passing takes the answer to that.
func (st *stride) passing(reply cdp.Raw, err error) {
	base, ok := reply.Float("virtualTimeTicksBase")
	if err == nil && !ok {
		err = errors.New("grant time: Chrome does not say since when")
	}
	if err != nil {
		st.done <- err
		return
	}
	st.clock.heard(base, st.clock.next)
	st.hear(st.asked)
}

// expired draws the frame whose time has come.
func (st *stride) expired() {
	if st.granted == 0 {
		return // of a grant before
	}
	since := st.last().after()
	st.clock.elapsed += st.granted
	st.hear(0)
	asked := !st.quiet()
	if asked {
		st.waited = time.Since(st.begun) - since
	}
	if asked || st.forced.Load() || st.clock.elapsed != st.times[0] || !st.anteroom.draw() {
		st.done <- nil
		return
	}
	st.client.Again(st.calls.draw, st.ticks(st.clock.elapsed), st.calls.wasDrawn)
}

// wasDrawn goes on with the next frame, if that one looks as the one before.
func (st *stride) wasDrawn(reply cdp.Raw, err error) {
	st.anteroom.done()
	if err != nil {
		st.done <- err
		return
	}
	st.hear(0)
	st.seen = glance{drawn: true, damaged: reply.Bool("hasDamage")}
	if st.seen.damaged || !st.quiet() {
		st.done <- nil
		return
	}
	st.seen, st.times = glance{}, st.times[1:]
	st.passed.Add(1)
	if len(st.times) == 0 {
		st.done <- nil
		return
	}
	st.grant()
}
