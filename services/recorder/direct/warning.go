package direct

import (
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// Warnings tell the render's owner what was not done as the options say, although the scene was
// recorded.
func (d *Director) Warnings() []msg.Warning {
	if d.timeline == nil {
		return nil
	}
	var list []msg.Warning
	warn := func(code msg.Code, text string) {
		list = append(list, msg.Warning{Code: code, Scene: d.params.Scene, Message: fmt.Sprintf("Scene %d: %s", d.params.Scene, text)})
	}
	for _, s := range d.timeline.short {
		warn(msg.CodeSceneScroll, s.String())
	}
	if n := len(d.timeline.unhovered); n > 0 {
		which := fmt.Sprintf("action %d (hover)", d.timeline.unhovered[0])
		if n > 1 {
			which += fmt.Sprintf(" and %d more", n-1)
		}
		warn(msg.CodeSceneHover, which+" did nothing but bring its element into view: a phone has no pointer that hovers. Use click, "+
			"which taps, or leave mobile out.")
	}
	return list
}

// short is a scroll that ended before it was where it was to lead.
type short struct {
	// name is what users call it, such as "action 2 (scroll)".
	name string
	// moved is how many CSS pixels it went.
	moved    float64
	selector bool // it was to lead to an element
	sideways bool
}

func (s short) String() string {
	along := "down"
	if s.sideways {
		along = "sideways"
	}
	switch {
	case s.selector:
		return s.name + " ended with the element that it leads to off the screen: the page does not scroll that far."
	case s.moved < 1:
		return fmt.Sprintf("%s moved nothing: nothing in the page could be scrolled %s. Pages that move what they show themselves "+
			"cannot be scrolled.", s.name, along)
	}
	return fmt.Sprintf("%s ended after %.0f pixels, before where it was to lead: the page ends there, or grew faster than it was scrolled.",
		s.name, s.moved)
}

// noteShort notes a scroll that is over, in the frame at a time, and is not where it was to lead.
func (t *timeline) noteShort(at time.Duration, name string, s step, o outcome) {
	if s.Do != "scroll" || !o.Short {
		return
	}
	// One that ends with the scene, or has a speed and nowhere to go, is never at its end. One that
	// is on its way is as it was asked for.
	ended := s.Scrolled == 1 || due(at, t.last) && (o.Less && !s.Paced || o.Moved < 1 && (!s.Paced || s.Scrolled == 0))
	if ended {
		t.short = append(t.short, short{name, o.Moved, s.Selector != "", s.Axis == scene.AxisX})
	}
}
