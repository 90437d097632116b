package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// follow goes where the page has gone, if another process shows it, and waits until it is there:
// Chrome does not answer who wants a document drawn of which such a process has read nothing. It is
// called when time has passed, and before anything is drawn.
func (s *scene) follow(ctx context.Context) error {
	if s.anteroom == nil {
		return nil
	}
	if err := s.awaitAnswer(ctx); err != nil {
		return err
	}
	changed, err := s.changeProcess(ctx)
	if !changed || err != nil {
		return err
	}
	s.loading = time.Now()
	return s.calm(ctx, func(context.Context) error { return nil })
}

// leadsOn follows where an action has led the page, in the frame that shows the action: whether an
// answer is there by the next one would be a matter of chance.
func (s *scene) leadsOn(ctx context.Context) error {
	if s.anteroom == nil {
		return nil
	}
	// What the action has made the page ask for was told before the answer to this.
	var nothing int
	if err := s.world.Evaluate("0", &nothing); err != nil && !cdp.Gone(err) {
		return err
	}
	return s.follow(ctx)
}

// awaitAnswer waits until the answer of a document that is asked for is there. One that does not
// come is given up, and the page stays.
func (s *scene) awaitAnswer(ctx context.Context) error {
	if s.delivered == 0 {
		return nil
	}
	poll := time.NewTicker(s.clock.pollEvery())
	defer poll.Stop()
	for s.anteroom.asking() > 0 {
		select {
		case <-s.anteroom.ended:
		case <-poll.C:
			if _, err := s.leads(); err != nil {
				return err
			}
		case <-s.client.Closed():
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// leads reports whether the page is led elsewhere, or has just been kept from that. A document that
// does not answer is given up after a while, since Chrome takes no call for the page until then;
// while the page loads, there is nothing else to show.
func (s *scene) leads() (bool, error) {
	if s.anteroom == nil {
		return false, nil
	}
	asking := s.anteroom.asking()
	if asking == 0 {
		return s.anteroom.leading() < 2*s.Bounds.Call, nil
	}
	if asking < s.Bounds.Call {
		return true, nil
	}
	s.anteroom.giveUp()
	if s.delivered == 0 {
		return false, nil
	}
	if err := (proto.PageStopLoading{}).Call(s.page); err != nil && !cdp.Gone(err) {
		return false, fmt.Errorf("stay on the page: %w", err)
	}
	// Time passes now that nothing is asked for. Set free on top of that, it would pass without
	// bounds.
	return true, nil
}

// changeProcess brings the page from the anteroom into its process, when it waits there, with the
// clock as it was.
func (s *scene) changeProcess(ctx context.Context) (changed bool, err error) {
	switch {
	case s.anteroom == nil:
		return false, nil
	case s.anteroom.waits.Load():
		err = s.leaveAnteroom(ctx)
	case s.clock.moved:
		err = s.moveClock(ctx)
	default:
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("show the page by another process: %w", err)
	}
	return true, nil
}

// leaveAnteroom sets the clock by that of the anteroom's process, and asks for the page from there.
func (s *scene) leaveAnteroom(ctx context.Context) error {
	a := s.anteroom
	timer := time.NewTimer(s.Bounds.Call)
	defer timer.Stop()
	select {
	case <-a.entered:
	case <-timer.C:
		a.waits.Store(false) // the page thought better of it
		return nil
	case <-s.client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	a.waits.Store(false)
	if err := s.moveClock(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	h := a.held
	a.mu.Unlock()
	if h == nil {
		return nil
	}
	if err := a.stop(proto.FetchRequestStageRequest, proto.FetchRequestStageResponse); err != nil {
		return err
	}
	s.document.Replace()
	// From another address, since to another place of a document itself nothing is asked for.
	from := "/?enter"
	if h.from != "" {
		from = h.from
	}
	addresses, err := json.Marshal([]string{from, h.address})
	if err != nil {
		return fmt.Errorf("write the page's URL: %w", err)
	}
	const leave = "(([from, to]) => { history.replaceState(null, '', from); location.replace(to) })"
	ask := proto.RuntimeEvaluate{Expression: leave + "(" + string(addresses) + ")"}
	if _, err := ask.Call(s.page); err != nil && !cdp.Gone(err) {
		return err
	}
	if err := s.document.AwaitShown(ctx, s.Bounds.Load); err != nil {
		return err
	}
	return a.stop(proto.FetchRequestStageResponse)
}

// moveClock sets the clock by that of the process which shows the page now, which began anew.
func (s *scene) moveClock(ctx context.Context) error {
	if err := s.clock.pause(); err != nil || !s.clock.moved {
		return err
	}
	// Time that passes while a document is read is 10 ms at once. The date is what can be relied
	// on: performance.timeOrigin was seen to be hours ahead where a process began as the machine
	// was busy.
	var seen struct {
		Read     bool    `json:"read"`
		Calendar float64 `json:"calendar"`
	}
	for end := time.Now().Add(s.Bounds.Call); !seen.Read && time.Now().Before(end); {
		if err := s.clock.run(ctx); err != nil {
			return err
		}
		err := s.world.Evaluate(`({read: document.readyState === "complete", calendar: Date.now()})`, &seen)
		if err != nil && !cdp.Gone(err) {
			return err
		}
		if !seen.Read {
			if err := s.requests.Wait(ctx, stepPause); err != nil {
				return err
			}
		}
	}
	if seen.Calendar == 0 {
		return pageerror.Timeout("a document that is shown by another process could not be looked at in %s", s.Bounds.Call)
	}
	return s.clock.move(ctx, seen.Calendar)
}
