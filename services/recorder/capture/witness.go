package capture

import (
	"context"
	"errors"
	"time"

	clk "github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Witness sees what goes on, for whoever looks into a failure.
type Witness interface {
	// Opened is called when there is a page, and before it is asked for anything. It must leave the
	// page as it is.
	Opened(client *cdp.Client, page *rod.Page) error
	// Picture is given the page as it looks, as a JPEG, when it cannot be captured: a page that
	// answers 404, say. It is not called when the page cannot be drawn, nor when frames were
	// delivered: those show it.
	Picture(jpeg []byte)
}

const (
	// lookWithin bounds a look, in real time.
	lookWithin = 2 * time.Second
	// lookTime is how much page time passes first, in milliseconds: what was answered is read and
	// laid out in it.
	lookTime = 200
)

// opened gives the witness the page.
func (s *scene) opened() error {
	if s.Witness == nil {
		return nil
	}
	return s.Witness.Opened(s.client, s.page)
}

// show gives the witness the page that failed with err before frame 0, if that takes no time to
// speak of.
func (s *scene) show(ctx context.Context, err error) {
	if s.Witness == nil || ctx.Err() != nil || errors.Is(err, cdp.ErrStalled) || errors.Is(err, cdp.ErrClosed) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	// A busy machine may need a second look.
	for seen := false; !seen; {
		if err := s.lookAhead(ctx); err != nil {
			return
		}
		// The first may only lay the page out.
		for range 2 {
			picture, _, err := s.beginFrame(ctx, s.clock.elapsed, true)
			if err != nil {
				return
			}
			if len(picture) > 0 {
				s.Witness.Picture(picture)
				seen = true
			}
		}
	}
}

// lookAhead lets lookTime pass.
func (s *scene) lookAhead(ctx context.Context) error {
	if s.clock.real {
		return clk.Sleep(ctx, lookTime*time.Millisecond)
	}
	expired := make(chan struct{}, 1)
	defer cdp.On(s.client, s.page.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) {
		select {
		case expired <- struct{}{}:
		default:
		}
	})()
	// Not the clock's grant: that is as patient as a capture must be. Nobody grants anything after
	// this.
	budget, tasks := float64(lookTime), starvation
	_, err := proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyAdvance, Budget: &budget, MaxVirtualTimeTaskStarvationCount: &tasks,
	}.Call(s.client.Within(ctx, lookWithin, s.page.SessionID))
	if err != nil {
		return err
	}
	select {
	case <-expired:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.lastTicks = max(s.clock.ticks(s.clock.elapsed), s.lastTicks) + lookTime
	return nil
}
