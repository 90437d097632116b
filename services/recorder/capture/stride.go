package capture

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// A stride has at most so many frames: the first after a change shortest, each further one twice as
// many as the one before, up to longest.
const (
	shortest = 30
	longest  = 240
)

// stride draws frames of a page that stands still, one after the other, until it moves. Each call
// is made where the reply to the one before is read: for another goroutine, a thread on another
// core would have to be woken each time. From grant until done has a value, all that is not atomic
// belongs to the goroutine that reads, the clock and its ticks included.
type stride struct {
	*exact
	begun    time.Time
	grants   *clock.Grants
	drawCall *cdp.Call
	drawn    func(cdp.Raw, error) // takes its reply
	times    []clock.Micros       // of the frames that are left
	known    damage               // of the frame after those that passed
	waited   time.Duration        // for what the page requested

	passed atomic.Int64 // frames that look as the one before does
	heard  atomic.Int64 // a sign
	forced atomic.Bool
	done   chan error

	next int // the frame to deliver; of the goroutine that captures
}

// sign is when Chrome replied last, in nanoseconds since the stride began, and in its lowest bit
// whether that was to let time pass.
type sign int64

func (s sign) after() time.Duration { return time.Duration(s >> 1) }
func (s sign) granted() bool        { return s&1 == 1 }

// stride delivers frames from n on as long as they look as the one before does. It returns the
// number of the frame that it ends at, and what is known of it. The page's time may have come to
// it.
func (m *exact) stride(ctx context.Context, start clock.Micros, n int) (next int, known damage, err error) {
	st := &stride{exact: m, begun: time.Now(), done: make(chan error, 1), next: n}
	for i := n; i < min(n+max(m.reach, shortest), m.frames) && !m.due(i); i++ {
		st.times = append(st.times, start+clock.OfFrame(m.rate, i))
	}
	if len(st.times) == 0 || st.times[0] <= m.clock.Elapsed() || !m.clock.Patient() || !m.quiet() {
		return n, damage{}, nil
	}
	if err := st.prepareCalls(); err != nil {
		return n, damage{}, err
	}
	defer cdp.OnExclusive(m.client, m.page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) { st.expired() })()
	st.hear(false)
	st.grants.Grant(st.times[0])
	// What passed before it failed counts.
	if err := errors.Join(st.await(ctx, n), st.deliver(n)); err != nil {
		return st.next, damage{}, err
	}
	st.grants.Held(st.waited)
	if m.reach = min(2*max(m.reach, shortest), longest); len(st.times) > 0 {
		m.reach = 0
	} else if st.next-n >= shortest {
		m.rest.strode()
	}
	return st.next, st.known, nil
}

// prepareCalls encodes the two calls of a still frame.
func (st *stride) prepareCalls() (err error) {
	if st.grants, err = st.clock.Grants(st.granted); err != nil {
		return err
	}
	st.drawn = st.wasDrawn
	st.drawCall, err = cdp.NewCall(st.page.SessionID, st.drawing(st.clock.Ticks(0)), "frameTimeTicks")
	return err
}

// deliver delivers what has passed of a stride from a frame on.
func (st *stride) deliver(from int) error {
	for end := from + int(st.passed.Load()); st.next < end; {
		if err := st.sink.Repeat(); err != nil {
			return err
		}
		st.next++
		st.took(st.next)
	}
	return nil
}

// quiet reports whether only the page's own time makes it move: no request is under way or has just
// ended, there is no worker and no video, no image is being decoded for a script, and no other
// process is going to show the page.
func (m *exact) quiet() bool {
	return !m.workers.Any() && m.seeks.None() && m.loader.CaughtUp() && m.requests.None() && !m.images.Any() &&
		!m.clock.Moved() && !m.swapper.Swapping()
}

// await waits for the stride's end: for each reply as long as for that of any call, and for granted
// time as patiently as the clock does.
func (st *stride) await(ctx context.Context, from int) error {
	poll := time.NewTicker(st.clock.PollEvery())
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
			if !st.grants.Hopeless(min(waited, time.Since(since))) {
				continue
			}
			// While the page navigates, time would pass without bounds, as for any grant.
			if navigates, err := st.swapper.Navigates(); err != nil {
				return err
			} else if navigates {
				since = time.Now()
				continue
			}
			st.forced.Store(true) // the stride ends with this frame
			st.grants.Free()
			deadline += waited
		case waited > deadline:
			return fmt.Errorf("%w: a still frame did not come in %s", cdp.ErrStalled, deadline)
		}
	}
}

func (st *stride) hear(granted bool) {
	last := sign(time.Since(st.begun)) << 1
	if granted {
		last++
	}
	st.heard.Store(int64(last))
}

func (st *stride) last() sign { return sign(st.heard.Load()) }

// granted takes the reply to the call that grants a frame's time.
func (st *stride) granted(err error) {
	if err != nil {
		st.done <- err
		return
	}
	st.hear(true)
}

// expired draws the frame whose time has come.
func (st *stride) expired() {
	since := st.last().after()
	if !st.grants.Expired() {
		return
	}
	st.hear(false)
	asked := !st.quiet()
	if asked {
		st.waited = time.Since(st.begun) - since
	}
	if asked || st.forced.Load() || st.clock.Elapsed() != st.times[0] || !st.swapper.BeginFrame() {
		st.done <- nil
		return
	}
	st.client.Again(st.drawCall, st.ticks(st.clock.Elapsed()), st.drawn)
}

// wasDrawn takes the reply to the call that draws a frame, and goes on with the next frame if this
// one looks as the one before does.
func (st *stride) wasDrawn(reply cdp.Raw, err error) {
	st.swapper.EndFrame()
	if err != nil {
		st.done <- err
		return
	}
	st.hear(false)
	st.known = damage{drawn: true, damaged: reply.Bool("hasDamage")}
	if st.known.damaged || !st.quiet() {
		st.done <- nil
		return
	}
	st.known, st.times = damage{}, st.times[1:]
	st.passed.Add(1)
	if len(st.times) == 0 {
		st.done <- nil
		return
	}
	st.grants.Grant(st.times[0])
}
