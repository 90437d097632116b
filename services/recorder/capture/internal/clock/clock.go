package clock

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// maxTasks bounds how many tasks a page may run while no time passes. A page that posts itself
// messages until a later time would wait for ever.
const maxTasks = 10_000

// Clock is the virtual time of one page. One goroutine at a time may use it.
type Clock struct {
	page     *rod.Page
	client   *cdp.Client
	requests *requests.Tracker
	expired  chan struct{}

	// patience bounds how long one request may hold time, left how long all of them still may.
	patience, left time.Duration

	time timeline

	// Navigates, if set, is called when requests are not to be waited for any longer. While it
	// reports that the page is on its way to another document, they still are.
	Navigates func() (bool, error)
}

// Start stops a page's time at a date, of which only whole seconds count: a fraction would show in
// the page's performance.timeOrigin, another in every run. request bounds how long one request may
// hold time, all how long all of them together may.
func Start(c *cdp.Client, page *rod.Page, r *requests.Tracker, request, all time.Duration, date time.Time) (*Clock, error) {
	k := &Clock{
		page: page, client: c, requests: r, expired: make(chan struct{}, 1), patience: request, left: all,
		time: timeline{date: date.Truncate(time.Second)}, Navigates: func() (bool, error) { return false, nil },
	}
	cdp.OnExclusive(c, page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) {
		select {
		case k.expired <- struct{}{}:
		default:
		}
	})
	if _, err := k.Pause(); err != nil {
		return nil, fmt.Errorf("stop the clock: %w", err)
	}
	k.time.start()
	return k, nil
}

// Elapsed is the page's time.
func (k *Clock) Elapsed() Micros { return k.time.elapsed }

// Ticks returns a time as beginFrame counts it, in milliseconds.
func (k *Clock) Ticks(at Micros) float64 { return (k.time.base + at).MS() }

// Patient reports whether requests may still hold time.
func (k *Clock) Patient() bool { return k.left > 0 }

// Mark lets less than a grain of time pass, until the clock is on one of the grain's marks.
func (k *Clock) Mark(ctx context.Context) error {
	return k.Advance(ctx, (k.time.base+k.time.elapsed+Grain-1)/Grain*Grain-k.time.base)
}

// Advance lets time pass until to. If it is that time already, or later, nothing happens.
func (k *Clock) Advance(ctx context.Context, to Micros) error {
	if to <= k.time.elapsed {
		return nil
	}
	return k.grant(ctx, to-k.time.elapsed)
}

// Run runs the page's tasks that are ready, and lets no time pass.
func (k *Clock) Run(ctx context.Context) error { return k.grant(ctx, 0) }

// Follow puts the clock where Chrome's is, by the page's calendar in milliseconds, exact to a
// tenth. When a response comes, Chrome lets time jump to 10 ms after the request, whatever was
// granted.
func (k *Clock) Follow(calendar float64) {
	if now := k.time.at(calendar); now > k.time.elapsed+2*Grain {
		k.time.elapsed = now
	}
}

// Skip lets d pass whatever the page waits for, and waits no longer than within. It is for a last
// picture of a page: nothing may be granted afterwards, and Elapsed stays.
func (k *Clock) Skip(ctx context.Context, d Micros, within time.Duration) error {
	k.drain()
	budget, tasks := float64(d)/1000, maxTasks
	_, err := proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyAdvance, Budget: &budget, MaxVirtualTimeTaskStarvationCount: &tasks,
	}.Call(k.client.Within(ctx, within, k.page.SessionID))
	if err != nil {
		return err
	}
	select {
	case <-k.expired:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// grant lets d pass. It waits for the page's requests within their bounds; then time passes without
// them.
func (k *Clock) grant(ctx context.Context, d Micros) error {
	k.drain()
	before, waits, policy := k.requests.Current(), !k.hopeless(0), k.policy(d)
	if !waits {
		policy.Policy = proto.EmulationVirtualTimePolicyAdvance
	}
	k.time.grants(d)
	if err := k.call(policy); err != nil {
		return err
	}
	begin, deadline := time.Now(), time.Now().Add(k.client.Deadline)
	held := time.Duration(0) // for how much of it requests were under way
	poll := time.NewTimer(k.PollEvery())
	defer poll.Stop()
	for {
		select {
		case <-k.expired:
			k.time.elapsed += d
			// Less may have passed before Chrome knew that it has to wait.
			if waits && d >= Millisecond {
				k.requests.Release(before)
			}
			k.left -= held
			return nil
		case <-k.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
			poll.Reset(k.PollEvery())
			if young, overdue := k.requests.Pending(k.patience); waits && young+overdue > 0 {
				held += k.PollEvery()
			}
		}
		switch {
		case waits && k.hopeless(time.Since(begin)):
			// In another process that shows the page from now on, time would pass without bounds.
			if navigates, err := k.Navigates(); navigates || err != nil {
				if err != nil {
					return err
				}
				// Wait once more: if no document came of it, time may have passed already.
				begin = time.Now()
				continue
			}
			waits, deadline = false, time.Now().Add(k.client.Deadline)
			k.requests.Recall()
			if err := k.call(free); err != nil {
				return err
			}
		case !waits && time.Now().After(deadline):
			return fmt.Errorf("%w: granted time did not pass in %s", cdp.ErrStalled, k.client.Deadline)
		}
	}
}

// Pause stops the clock in the process that shows the page now, and reports whether that is another
// one.
func (k *Clock) Pause() (moved bool, err error) {
	err = k.call(proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyPause})
	return k.time.moved, err
}

// Moved reports whether another process shows the page, so that Move must be called.
func (k *Clock) Moved() bool { return k.time.moved }

// Move goes on with the same time in another process, by the page's calendar there, in
// milliseconds.
func (k *Clock) Move(ctx context.Context, calendar float64) error {
	return k.Advance(ctx, k.time.move(calendar))
}

// call sets a policy. In another process that shows the page from now on, Chrome begins with the
// policy and the calendar of the last call.
func (k *Clock) call(policy proto.EmulationSetVirtualTimePolicy) error {
	before := k.time.next
	policy.InitialVirtualTime = k.time.called()
	reply, err := policy.Call(k.page)
	if err != nil {
		return err
	}
	k.time.heard(reply.VirtualTimeTicksBase, before)
	return nil
}

// free lets granted time pass whatever the page waits for. It has no budget, so that what is left
// of the one that was granted stays.
var free = proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyAdvance}

// policy lets d pass, waiting for the page's requests.
func (k *Clock) policy(d Micros) proto.EmulationSetVirtualTimePolicy {
	budget, tasks := d.MS(), maxTasks
	return proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyPauseIfNetworkFetchesPending,
		Budget: &budget, MaxVirtualTimeTaskStarvationCount: &tasks,
	}
}

// hopeless reports whether the page's requests are not to be waited for any longer, after a wait:
// each of them is overdue, or all of them together are.
func (k *Clock) hopeless(waited time.Duration) bool {
	return k.left <= waited || k.requests.Overdue(waited, k.patience)
}

// PollEvery is how often a grant that waits checks the requests, in real time.
func (k *Clock) PollEvery() time.Duration {
	return max(time.Millisecond, min(k.patience/4, 100*time.Millisecond))
}

// drain drops the end of an earlier grant.
func (k *Clock) drain() {
	select {
	case <-k.expired:
	default:
	}
}
