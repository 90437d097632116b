package capture

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// micros counts page time in microseconds, the grain of Chrome's own clock.
type micros int64

const (
	// grain is that of the clock that Blink shows to pages: between its marks, it rounds up or down by chance. A time on
	// a mark is the same in every run.
	grain micros = 100
	// millisecond of page time.
	millisecond = 10 * grain
)

func (t micros) ms() float64 { return float64(t) / 1000 }

// frameTime returns when frame n is, counted from frame 0, on the clock's marks: within one of them of the exact time at
// every n, so that nothing drifts.
func frameTime(rate msg.Rate, n int) micros {
	return micros(int64(n)*10_000*int64(rate.Den)/int64(rate.Num)) * grain
}

// starvation bounds how many tasks a page may run without letting time pass. A page that posts itself messages until
// the time is later would wait for ever.
const starvation = 10_000

// clock is the page's time.
type clock struct {
	page     *rod.Page
	client   *cdp.Client
	requests *requests
	expired  chan struct{}

	// patience bounds how long one request may keep the time from passing, stall how long all of them together.
	patience, stall time.Duration

	base    float64 // Chrome's ticks, in milliseconds, at which virtual time began
	elapsed micros  // since then
	origin  micros  // elapsed when the page was asked for
}

// startClock stops the page's time at a date.
func startClock(page *rod.Page, client *cdp.Client, r *requests, b Bounds, date time.Time) (*clock, error) {
	c := &clock{
		page: page, client: client, requests: r, expired: make(chan struct{}, 1),
		patience: b.Request, stall: b.Requests,
	}
	cdp.On(client, page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) {
		select {
		case c.expired <- struct{}{}:
		default:
		}
	})
	return c, c.set(proto.EmulationSetVirtualTimePolicy{
		// Whole seconds: a fraction would show in the page's timeOrigin, other in every run.
		Policy: proto.EmulationVirtualTimePolicyPause, InitialVirtualTime: proto.TimeSinceEpoch(date.Unix()),
	})
}

func (c *clock) set(policy proto.EmulationSetVirtualTimePolicy) error {
	reply, err := policy.Call(c.page)
	if err != nil {
		return err
	}
	if reply.VirtualTimeTicksBase != c.base { // another process, which began anew
		c.base, c.elapsed, c.origin = reply.VirtualTimeTicksBase, 0, 0
	}
	return nil
}

// ticks is a time as beginFrame counts it.
func (c *clock) ticks(at micros) float64 { return c.base + at.ms() }

// begin makes now the time at which the page is asked for. It lets less than one mark of the clock pass, to be on one.
func (c *clock) begin(ctx context.Context) error {
	if err := c.round(ctx, 0); err != nil {
		return err
	}
	c.origin = c.elapsed
	return nil
}

// round lets time pass until a multiple of step has passed since the page was asked for, on one of the clock's marks. A
// step of 0 asks for the mark alone.
func (c *clock) round(ctx context.Context, step micros) error {
	to := c.elapsed
	if step > 0 {
		to = c.origin + roundUp(c.elapsed-c.origin, step)
	}
	base := micros(math.Round(c.base * 1000))
	return c.advance(ctx, roundUp(base+to, grain)-base)
}

func roundUp(t, step micros) micros { return (t + step - 1) / step * step }

// advance lets time pass until to.
func (c *clock) advance(ctx context.Context, to micros) error {
	if to <= c.elapsed {
		return nil
	}
	return c.grant(ctx, to-c.elapsed)
}

// grant lets d pass. It waits for the page's requests, but for none longer than patience: then time passes without it.
func (c *clock) grant(ctx context.Context, d micros) error {
	select {
	case <-c.expired:
	default:
	}
	budget, tasks, before := d.ms(), starvation, c.requests.current()
	waits := !c.hopeless(0)
	policy := proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyAdvance, Budget: &budget, MaxVirtualTimeTaskStarvationCount: &tasks,
	}
	if waits {
		policy.Policy = proto.EmulationVirtualTimePolicyPauseIfNetworkFetchesPending
	}
	if err := c.set(policy); err != nil {
		return err
	}
	begin, deadline := time.Now(), time.Now().Add(c.client.Deadline)
	poll := time.NewTimer(c.pollEvery())
	defer poll.Stop()
	for {
		select {
		case <-c.expired:
			c.elapsed += d
			if waits {
				c.requests.release(before)
				c.waited(time.Since(begin))
			}
			return nil
		case <-c.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
			poll.Reset(c.pollEvery())
		}
		switch {
		case waits && c.hopeless(time.Since(begin)):
			// Without a budget: what is left of the one that was granted stays.
			waits, deadline = false, time.Now().Add(c.client.Deadline)
			c.waited(time.Since(begin))
			err := c.set(proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyAdvance})
			if err != nil {
				return err
			}
		case !waits && time.Now().After(deadline):
			return fmt.Errorf("%w: granted time did not pass in %s", cdp.ErrStalled, c.client.Deadline)
		}
	}
}

// waited notes that a grant waited for so long. What any grant takes does not count.
func (c *clock) waited(d time.Duration) {
	if d > c.pollEvery() {
		c.stall -= d
	}
}

// hopeless reports whether waiting for the page's requests is over, having waited for so long already: each of them is
// overdue, or all of them together are.
func (c *clock) hopeless(waited time.Duration) bool {
	young, overdue := c.requests.pending(c.patience)
	return c.stall <= waited || (young == 0 && (overdue > 0 || waited > c.patience))
}

// pollEvery is how often a grant that waits looks at the requests.
func (c *clock) pollEvery() time.Duration { return min(c.patience/4, 100*time.Millisecond) }
