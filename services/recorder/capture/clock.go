package capture

import (
	"context"
	"fmt"
	"math"
	"time"

	clk "github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// micros counts page time in microseconds, the grain of Chrome's own clock.
type micros int64

const (
	// grain is that of the clock that Blink shows to pages: between its marks, it rounds up or down
	// by chance. A time on a mark is the same in every run.
	grain       micros = 100
	millisecond        = 10 * grain
)

// ms returns t in milliseconds, as Chrome's protocol has them, and a little more: Chrome cuts them
// off to microseconds, and would make one less of 16.6 (16599.999…). It takes a budget of exactly 0
// for no bound.
func (t micros) ms() float64 { return (float64(t) + 0.4) / 1000 }

// frameTime returns when frame n is, counted from frame 0, on the clock's marks: within one of them
// of the exact time at every n, so that nothing drifts.
func frameTime(rate msg.Rate, n int) micros {
	return micros(int64(n)*10_000*int64(rate.Den)/int64(rate.Num)) * grain
}

// starvation bounds how many tasks a page may run without letting time pass. A page that posts
// itself messages until the time is later would wait for ever.
const starvation = 10_000

// clock is the page's time.
type clock struct {
	// real: it is everybody's time, which passes by itself; nothing below is used.
	real bool

	page     *rod.Page
	client   *cdp.Client
	requests *requests.Tracker
	expired  chan struct{}

	// patience bounds how long one request may keep the time from passing, stall how long all of
	// them together.
	patience, stall time.Duration

	date    time.Time // when its calendar begins, in whole seconds
	base    micros    // Chrome's ticks at which virtual time began, or would have
	elapsed micros    // since then
	skew    micros    // by how much the calendar is ahead of it

	// leads is asked when requests are not to be waited for any longer: a page that is led
	// elsewhere still is.
	leads func() (bool, error)

	origin
	// moved says that the page is shown by another process than base and elapsed are of.
	moved bool
}

// origin is what is known of the virtual time of the process that shows the page.
type origin struct {
	began micros // Chrome's ticks at which it began
	born  micros // the clock's time at which it began, by the page's calendar
	// next is the clock's time at which it would begin in another process that shows the page from
	// now on.
	next micros
	// first is what began was in the first process, known since then: Chrome takes the machine's
	// own clock.
	first micros
	since time.Time
	// granted is what was granted last and before, of what can be told from nothing.
	granted [2]micros
}

// startClock stops the page's time at a date.
func startClock(page *rod.Page, client *cdp.Client, r *requests.Tracker, b Bounds, date time.Time) (*clock, error) {
	c := &clock{
		page: page, client: client, requests: r, expired: make(chan struct{}, 1), leads: func() (bool, error) { return false, nil },
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
	if err := c.pause(); err != nil {
		return c, err
	}
	c.base, c.first, c.since, c.moved = c.began, c.began, time.Now(), false
	return c, nil
}

// pause stops it.
func (c *clock) pause() error {
	return c.call(proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyPause})
}

// call sets a policy. In another process that shows the page from now on, Chrome begins with the
// policy and the calendar of the last.
func (c *clock) call(policy proto.EmulationSetVirtualTimePolicy) error {
	before := c.next
	if c.began != 0 {
		c.next = c.elapsed - c.ahead() - 2*jump
	}
	policy.InitialVirtualTime = c.calendar(c.next)
	reply, err := policy.Call(c.page)
	if err != nil {
		return err
	}
	c.heard(reply.VirtualTimeTicksBase, before)
	return nil
}

// ahead is by how much the page's time is ahead of the machine's, at least: in another process,
// whose time begins with the machine's, it has as far to go. Frames must not go back.
func (c *clock) ahead() micros {
	return max(0, c.base+c.elapsed-c.first-micros(time.Since(c.since).Microseconds()))
}

// note notes that time was granted.
func (o *origin) note(d micros) {
	if d > 2*millisecond {
		o.granted[0], o.granted[1] = d, o.granted[0]
	}
}

// jump is by how much Chrome's clock goes on at most when an answer comes while time is granted,
// counted from when it was asked for.
const jump = 10 * millisecond

// calendar is what the page's calendar says at a time.
func (c *clock) calendar(at micros) proto.TimeSinceEpoch {
	return proto.TimeSinceEpoch(float64(c.date.Unix()) + float64(at+c.skew)/1e6)
}

// heard takes the ticks, in milliseconds, at which virtual time began in the process that shows the
// page. If that is another than before, it began at the time that was next.
func (c *clock) heard(ticks float64, next micros) {
	if began := micros(math.Round(ticks * 1000)); began != c.began {
		c.began, c.born, c.moved = began, next, true
	}
}

// move goes on with the time that it is in another process, by the page's calendar there, which
// tells whole milliseconds. What time it lags behind passes there, as does less than a grain, until
// it is on one of its marks.
func (c *clock) move(ctx context.Context, calendar float64) error {
	passed := c.passed(c.at(calendar) - c.born)
	now, to := c.began+passed, c.elapsed
	late := max(0, c.born+passed-to) // then only the date goes on
	missing := (now+to+late-c.born-passed+grain-1)/grain*grain - now
	c.elapsed, c.skew, c.moved = to-missing, c.skew+late, false
	c.base = now - c.elapsed
	return c.advance(ctx, to)
}

// passed is how much time has passed in the process that shows the page, exactly, if it is as much
// as it seems to be in whole milliseconds. What was granted as the process was changed may have
// passed there, once more, and a jump when the document was read.
func (o *origin) passed(seems micros) micros {
	for _, jump := range []micros{0, jump} {
		for _, granted := range []micros{0, o.granted[0], o.granted[1], o.granted[0] + o.granted[1]} {
			if d := granted + jump - seems; -grain < d && d < millisecond+grain {
				return granted + jump
			}
		}
	}
	return seems
}

// ticks is a time as beginFrame counts it.
func (c *clock) ticks(at micros) float64 { return (c.base + at).ms() }

// at returns when a moment of the page's calendar is, on the clock.
func (c *clock) at(calendar float64) micros {
	return micros(math.Round((calendar-float64(c.date.UnixMilli()))*1000)) - c.skew
}

// follow puts the clock where Chrome's is, by the page's calendar in milliseconds, of which it
// knows tenths. When an answer comes, Chrome lets time jump to 10 ms after it was asked for,
// whatever was granted.
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

// grant lets d pass. It waits for the page's requests, but for none longer than patience: then time
// passes without it.
func (c *clock) grant(ctx context.Context, d micros) error {
	if c.real {
		return clk.Sleep(ctx, time.Duration(d)*time.Microsecond)
	}
	select {
	case <-c.expired:
	default:
	}
	before, waits, policy := c.requests.Current(), !c.hopeless(0), c.policy(d)
	if !waits {
		policy.Policy = proto.EmulationVirtualTimePolicyAdvance
	}
	c.note(d)
	if err := c.call(policy); err != nil {
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
			// less may have passed before Chrome knew that it has to wait
			if waits && d >= millisecond {
				c.requests.Release(before)
			}
			c.stall -= held
			return nil
		case <-c.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
			poll.Reset(c.pollEvery())
			if young, overdue := c.requests.Pending(c.patience); waits && young+overdue > 0 {
				held += c.pollEvery()
			}
		}
		switch {
		case waits && c.hopeless(time.Since(begin)):
			// Another process that shows the page from now on would go on without bounds.
			if leads, err := c.leads(); leads || err != nil {
				if err != nil {
					return err
				}
				// it is waited for anew: without what it led to, time may have passed already
				begin = time.Now()
				continue
			}
			c.requests.Recall()
			// Without a budget: what is left of the one that was granted stays.
			waits, deadline = false, time.Now().Add(c.client.Deadline)
			err := c.call(proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyAdvance})
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

// hopeless reports whether waiting for the page's requests is over, having waited for so long
// already: each of them is overdue, or all of them together are. Where one document follows
// another, Chrome waits between their requests, too, and would let time pass without bounds in the
// next one.
func (c *clock) hopeless(waited time.Duration) bool {
	return c.stall <= waited || c.requests.Overdue(waited, c.patience)
}

// pollEvery is how often a grant that waits looks at the requests.
func (c *clock) pollEvery() time.Duration {
	return max(time.Millisecond, min(c.patience/4, 100*time.Millisecond))
}
