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
	grain       micros = 100
	millisecond        = 10 * grain
)

// ms returns t in milliseconds, as Chrome's protocol has them, and a little more: Chrome cuts them off to microseconds, and
// would make one less of 16.6 (16599.999…). It takes a budget of exactly 0 for no bound.
func (t micros) ms() float64 { return (float64(t) + 0.4) / 1000 }

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
	// real: it is everybody's time, which passes by itself; nothing below is used.
	real bool

	page     *rod.Page
	client   *cdp.Client
	requests *requests
	expired  chan struct{}

	// patience bounds how long one request may keep the time from passing, stall how long all of them together.
	patience, stall time.Duration

	date    time.Time // when its calendar begins, in whole seconds
	base    micros    // Chrome's ticks at which virtual time began
	elapsed micros    // since then
}

// startClock stops the page's time at a date.
func startClock(page *rod.Page, client *cdp.Client, r *requests, b Bounds, date time.Time) (*clock, error) {
	c := &clock{
		page: page, client: client, requests: r, expired: make(chan struct{}, 1),
		patience: b.Request, stall: b.Requests,
		// Whole seconds: a fraction would show in the page's timeOrigin, other in every run.
		date: date.Truncate(time.Second),
	}
	cdp.OnExclusive(client, page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) {
		select {
		case c.expired <- struct{}{}:
		default:
		}
	})
	return c, c.set(proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyPause, InitialVirtualTime: proto.TimeSinceEpoch(c.date.Unix()),
	})
}

func (c *clock) set(policy proto.EmulationSetVirtualTimePolicy) error {
	reply, err := policy.Call(c.page)
	if err != nil {
		return err
	}
	c.rebase(reply.VirtualTimeTicksBase)
	return nil
}

// rebase takes the ticks, in milliseconds, at which virtual time began. Others than before are another process's, which began anew.
func (c *clock) rebase(ticks float64) {
	if base := micros(math.Round(ticks * 1000)); base != c.base {
		c.base, c.elapsed = base, 0
	}
}

// ticks is a time as beginFrame counts it.
func (c *clock) ticks(at micros) float64 { return (c.base + at).ms() }

// at returns when a moment of the page's calendar is, on the clock.
func (c *clock) at(calendar float64) micros {
	return micros(math.Round((calendar - float64(c.date.UnixMilli())) * 1000))
}

// follow puts the clock where Chrome's is, by the page's calendar in milliseconds, of which it knows tenths. When an answer
// comes, Chrome lets time jump to 10 ms after it was asked for, whatever was granted.
func (c *clock) follow(calendar float64) {
	if now := c.at(calendar); !c.real && now > c.elapsed+2*grain {
		c.elapsed = now
	}
}

// mark lets less than a grain of time pass, until the clock is on one of its marks.
func (c *clock) mark(ctx context.Context) error {
	if c.real {
		return nil
	}
	return c.advance(ctx, (c.base+c.elapsed+grain-1)/grain*grain-c.base)
}

// advance lets time pass until to.
func (c *clock) advance(ctx context.Context, to micros) error {
	if to <= c.elapsed {
		return nil
	}
	return c.grant(ctx, to-c.elapsed)
}

// run lets what is ready run, and no time pass.
func (c *clock) run(ctx context.Context) error { return c.grant(ctx, 0) }

// grant lets d pass. It waits for the page's requests, but for none longer than patience: then time passes without it.
func (c *clock) grant(ctx context.Context, d micros) error {
	if c.real {
		return pause(ctx, time.Duration(d)*time.Microsecond)
	}
	select {
	case <-c.expired:
	default:
	}
	before, waits, policy := c.requests.current(), !c.hopeless(0), c.policy(d)
	if !waits {
		policy.Policy = proto.EmulationVirtualTimePolicyAdvance
	}
	if err := c.set(policy); err != nil {
		return err
	}
	begin, deadline := time.Now(), time.Now().Add(c.client.Deadline)
	held := time.Duration(0) // how much of it requests were under way
	poll := time.NewTimer(c.pollEvery())
	defer poll.Stop()
	for {
		select {
		case <-c.expired:
			c.elapsed += d
			if waits && d >= millisecond { // less may have passed before Chrome knew that it has to wait
				c.requests.release(before)
			}
			c.stall -= held
			return nil
		case <-c.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
			poll.Reset(c.pollEvery())
			if young, overdue := c.requests.pending(c.patience); waits && young+overdue > 0 {
				held += c.pollEvery()
			}
		}
		switch {
		case waits && c.hopeless(time.Since(begin)):
			c.requests.recall()
			// Without a budget: what is left of the one that was granted stays.
			waits, deadline = false, time.Now().Add(c.client.Deadline)
			err := c.set(proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyAdvance})
			if err != nil {
				return err
			}
		case !waits && time.Now().After(deadline):
			return fmt.Errorf("%w: granted time did not pass in %s", cdp.ErrStalled, c.client.Deadline)
		}
	}
}

// policy lets d pass, waiting for the page's requests.
func (c *clock) policy(d micros) proto.EmulationSetVirtualTimePolicy {
	budget, tasks := d.ms(), starvation
	return proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyPauseIfNetworkFetchesPending,
		Budget: &budget, MaxVirtualTimeTaskStarvationCount: &tasks,
	}
}

// hopeless reports whether waiting for the page's requests is over, having waited for so long already: each of them is
// overdue, or all of them together are.
func (c *clock) hopeless(waited time.Duration) bool {
	young, overdue := c.requests.pending(c.patience)
	return c.stall <= waited || (young == 0 && (overdue > 0 || waited > c.patience))
}

// pollEvery is how often a grant that waits looks at the requests.
func (c *clock) pollEvery() time.Duration {
	return max(time.Millisecond, min(c.patience/4, 100*time.Millisecond))
}

// pause waits in real time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
