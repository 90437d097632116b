package process

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/document"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// pollEvery is how long in real time a document that is not complete is left alone between two
// checks.
const pollEvery = 10 * time.Millisecond

// Swapper follows a page from one process to another. One goroutine at a time may use it.
type Swapper struct {
	*Interceptor
	Page     *rod.Page
	Clock    *clock.Clock
	Document *document.Tracker
	Requests *requests.Tracker
	World    *world.World
	// Load bounds how long a document may take to come, Call how long Chrome may take for anything
	// else.
	Load, Call time.Duration
	// Began reports whether frames have been delivered: from then on a document that does not come
	// is given up, and the page stays.
	Began func() bool
}

// Navigates reports whether the page is on its way to another document, or has just been kept from
// that. A document whose response does not come is given up after Call, since Chrome answers no
// call for the page until then; while the page loads, there is nothing else to show.
func (s *Swapper) Navigates() (bool, error) {
	pending := s.pendingFor()
	if pending == 0 {
		return s.swappingFor() < 2*s.Call, nil
	}
	if pending < s.Call {
		return true, nil
	}
	s.abandon()
	if !s.Began() {
		return false, nil
	}
	if err := (proto.PageStopLoading{}).Call(s.Page); err != nil && !cdp.Gone(err) {
		return false, fmt.Errorf("stay on the page: %w", err)
	}
	// Time passes now that no document is requested. If requests were ignored on top of that, it
	// would pass without bounds.
	return true, nil
}

// AwaitResponse waits, once frames have been delivered, until the response of a document that is
// requested has come, or is given up.
func (s *Swapper) AwaitResponse(ctx context.Context) error {
	if !s.Began() {
		return nil
	}
	poll := time.NewTicker(s.Clock.PollEvery())
	defer poll.Stop()
	for s.pendingFor() > 0 {
		select {
		case <-s.responded:
		case <-poll.C:
			if _, err := s.Navigates(); err != nil {
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

// Swap brings the page into the process that is going to show it, if there is another, with the
// clock as it was.
func (s *Swapper) Swap(ctx context.Context) (swapped bool, err error) {
	switch {
	case s.Swapping():
		err = s.replacePlaceholder(ctx)
	case s.Clock.Moved():
		err = s.moveClock(ctx)
	default:
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("show the page by another process: %w", err)
	}
	return true, nil
}

// replacePlaceholder sets the clock by that of the placeholder's process, and requests the page
// from there.
func (s *Swapper) replacePlaceholder(ctx context.Context) error {
	timer := time.NewTimer(s.Call)
	defer timer.Stop()
	select {
	case <-s.placed:
	case <-timer.C:
		s.swapping.Store(false) // the page stays: it navigated elsewhere meanwhile
		return nil
	case <-s.client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.swapping.Store(false)
	if err := s.moveClock(ctx); err != nil {
		return err
	}
	held := s.heldResponse()
	if held == nil {
		return nil
	}
	if err := s.pauseAt(proto.FetchRequestStageRequest, proto.FetchRequestStageResponse); err != nil {
		return err
	}
	s.Document.Replace()
	// From another address: a document that goes to another fragment of its own address requests
	// nothing.
	from := "/?enter"
	if held.referrer != "" {
		from = held.referrer
	}
	addresses, err := json.Marshal([]string{from, held.address})
	if err != nil {
		return fmt.Errorf("write the page's URL: %w", err)
	}
	const leave = "(([from, to]) => { history.replaceState(null, '', from); location.replace(to) })"
	ask := proto.RuntimeEvaluate{Expression: leave + "(" + string(addresses) + ")"}
	if _, err := ask.Call(s.Page); err != nil && !cdp.Gone(err) {
		return err
	}
	if err := s.Document.AwaitShown(ctx, s.Load); err != nil {
		return err
	}
	return s.pauseAt(proto.FetchRequestStageResponse)
}

// moveClock sets the clock by that of the process which shows the page now.
func (s *Swapper) moveClock(ctx context.Context) error {
	if moved, err := s.Clock.Pause(); err != nil || !moved {
		return err
	}
	// Time that passes while a document is read is 10 ms at once, so it is read first. Only the
	// date is reliable: performance.timeOrigin was seen to be hours ahead where a process began on
	// a busy machine.
	var seen struct {
		Read     bool    `json:"read"`
		Calendar float64 `json:"calendar"`
	}
	for end := time.Now().Add(s.Call); !seen.Read && time.Now().Before(end); {
		if err := s.Clock.Run(ctx); err != nil {
			return err
		}
		err := s.World.Evaluate(`({read: document.readyState === "complete", calendar: Date.now()})`, &seen)
		if err != nil && !cdp.Gone(err) {
			return err
		}
		if !seen.Read {
			if err := s.Requests.Wait(ctx, pollEvery); err != nil {
				return err
			}
		}
	}
	if seen.Calendar == 0 {
		return pageerror.Timeout("a document that is shown by another process could not be read in %s", s.Call)
	}
	return s.Clock.Move(ctx, seen.Calendar)
}
