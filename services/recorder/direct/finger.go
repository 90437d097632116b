package direct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// feelFingers has Chrome turn the mouse's button into touches, and ignore the mouse otherwise.
// Touches that are dispatched as such wait for the next frame, together with everything that
// follows from them. The desktop configuration makes a tap a click at once. A phone waits 300 ms of
// real time for a second tap, on pages that can be zoomed.
func feelFingers(page *rod.Page) error {
	return proto.EmulationSetEmitTouchEventsForMouse{
		Enabled: true, Configuration: proto.EmulationSetEmitTouchEventsForMouseConfigurationDesktop,
	}.Call(page)
}

// apart is how long after a tap another is no second one of the same, a double click, however soon
// it follows.
const apart = time.Second

// nextTap returns when the finger's next tap is, as its events count.
func (p *pointer) nextTap() time.Time {
	now := time.Now()
	if next := p.tapped.Add(apart); next.After(now) {
		now = next
	}
	p.tapped = now
	return now
}

// tap puts a finger down and takes it up, at when as its events count. When it returns, the page
// has seen that and all that follows from it: the mouse that Chrome then speaks of, for pages that
// know no touch, and the click.
//
// Chrome never answers for a button that becomes a touch: as with the mouse's way, the answers are
// dropped. What follows on their way and is answered is a character of no key, which Chrome takes
// for one of the system's, and keeps from the page. When the first is answered, the page has seen
// the touches, and Chrome has sent the click that it makes of them; when the second is, the page
// has seen that, too.
func tap(ctx context.Context, page *rod.Page, at point, when time.Time) error {
	sent, cancel := context.WithCancelCause(ctx)
	cancel(errSent)
	down, up, told := 1, 0, proto.TimeSinceEpoch(float64(when.UnixNano())/1e9)
	for _, e := range []proto.InputDispatchMouseEvent{
		{Type: proto.InputDispatchMouseEventTypeMousePressed, Buttons: &down},
		{Type: proto.InputDispatchMouseEventTypeMouseReleased, Buttons: &up},
	} {
		e.X, e.Y, e.Button, e.ClickCount = at[0], at[1], proto.InputMouseButtonLeft, 1
		e.Timestamp = told
		if err := e.Call(page.Context(sent)); err != nil && !errors.Is(err, errSent) {
			return fmt.Errorf("tap: %w", err)
		}
	}
	for range 2 {
		err := proto.InputDispatchKeyEvent{Type: proto.InputDispatchKeyEventTypeChar, IsSystemKey: true}.Call(page.Context(ctx))
		if err != nil {
			return fmt.Errorf("await a tap: %w", err)
		}
	}
	return nil
}
