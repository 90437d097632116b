package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// tenths counts time in tenths of a millisecond. Blink shows pages a clock of that grain; on whole tenths, it shows the
// same page the same times in every run.
type tenths int64

func (t tenths) ms() float64 { return float64(t) / 10 }

// frameTime returns when frame n is, counted from frame 0: exact at every n, so that nothing drifts.
func frameTime(rate msg.Rate, n int) tenths {
	return tenths(int64(n) * 10_000 * int64(rate.Den) / int64(rate.Num))
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
	elapsed tenths
}

func startClock(page *rod.Page, client *cdp.Client, r *requests, b Bounds) (*clock, error) {
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
	// Whole seconds: a fraction would show in the page's timeOrigin, other in every run.
	now := proto.TimeSinceEpoch(time.Now().Unix())
	return c, c.set(proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyPause, InitialVirtualTime: now,
	})
}

func (c *clock) set(policy proto.EmulationSetVirtualTimePolicy) error {
	reply, err := policy.Call(c.page)
	if err != nil {
		return err
	}
	if reply.VirtualTimeTicksBase != c.base { // another process, which began anew
		c.base, c.elapsed = reply.VirtualTimeTicksBase, 0
	}
	return nil
}

// ticks is the time now, as beginFrame counts it.
func (c *clock) ticks() float64 { return c.base + c.elapsed.ms() }

// grant lets d pass. It waits for the page's requests, but for none longer than patience: then time passes without it.
func (c *clock) grant(ctx context.Context, d tenths) error {
	select {
	case <-c.expired:
	default:
	}
	budget, tasks, before := d.ms(), starvation, c.requests.under()
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
				c.requests.forget(before)
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
			c.requests.recall()
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
