package direct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// rippleTime is how long the ring of a click is seen.
const rippleTime = 400 * time.Millisecond

// pointer is the mouse or, of a phone, a finger, of which nothing is seen but the ring of its taps.
type pointer struct {
	finger bool
	// drawn: it is seen.
	drawn bool
	// at is where it is in the window; nil before it was anywhere.
	at *point
	// clicked is when and where it clicked last.
	clicked   time.Duration
	clickedAt *point
	// tapped is when the finger's last tap was, as its events count.
	tapped time.Time
}

// ripple is the ring of the last click at a time of the scene, nil when there is none.
func (p *pointer) ripple(at time.Duration) *[3]float64 {
	if p.clickedAt == nil || !p.drawn {
		return nil
	}
	done := progress(at, p.clicked, rippleTime)
	if done == 1 {
		return nil
	}
	return &[3]float64{p.clickedAt[0], p.clickedAt[1], done}
}

// errSent ends a call whose answer is dropped.
var errSent = errors.New("sent")

// moveMouse moves the mouse. The page has seen it when it returns.
//
// Chrome hands the page a mouse's way with the next frame that is drawn, and answers only then: the
// call cannot be waited for. It is made with a context that has ended, which sends it and drops the
// answer. The release of no button, of which the page sees nothing, follows it on its way, and does
// not wait for a frame: what is before it is handed over first.
func moveMouse(ctx context.Context, page *rod.Page, to point) error {
	sent, cancel := context.WithCancelCause(ctx)
	cancel(errSent)
	err := proto.InputDispatchMouseEvent{Type: proto.InputDispatchMouseEventTypeMouseMoved, X: to[0], Y: to[1]}.Call(page.Context(sent))
	if err == nil || errors.Is(err, errSent) {
		err = proto.InputDispatchMouseEvent{
			Type: proto.InputDispatchMouseEventTypeMouseReleased, X: to[0], Y: to[1], Button: proto.InputMouseButtonNone,
		}.Call(page.Context(ctx))
	}
	if err != nil {
		return fmt.Errorf("move the mouse: %w", err)
	}
	return nil
}

// click presses and releases the mouse's button. The page has seen both, and the way there, when
// Chrome answers.
func click(page *rod.Page, at point) error {
	down, up := 1, 0
	for _, e := range []proto.InputDispatchMouseEvent{
		{Type: proto.InputDispatchMouseEventTypeMousePressed, Buttons: &down},
		{Type: proto.InputDispatchMouseEventTypeMouseReleased, Buttons: &up},
	} {
		e.X, e.Y, e.Button, e.ClickCount = at[0], at[1], proto.InputMouseButtonLeft, 1
		if err := e.Call(page); err != nil {
			return fmt.Errorf("click: %w", err)
		}
	}
	return nil
}
