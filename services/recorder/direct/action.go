package direct

import (
	"time"

	"github.com/loom-lite/loom-lite/pkg/grapheme"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

const (
	// patience is how long the element of an action, and the page's next document, may be missing
	// in time of the scene.
	patience = time.Second
	// grain is what frame times are cut to.
	grain = 100 * time.Microsecond
)

// cue is an action and its times.
type cue struct {
	scene.Action
	number int // from 1
	start  time.Duration
	// takes is how long it lasts; limit is when it must have found its element.
	takes, limit time.Duration

	// begun: its element has been found; began is when, from where the mouse was then.
	begun, done bool
	began       time.Duration
	from        point
	// keys is what is left to type, typed how much is typed of all of it.
	keys  []string
	typed int
}

// newCues returns the actions of a scene whose last frame is at last, with their times.
func newCues(actions []scene.Action, last time.Duration) []*cue {
	list := make([]*cue, len(actions))
	ended := time.Duration(0)
	for i, a := range actions {
		c := &cue{Action: a, number: i + 1, start: ended, takes: seconds(a.Seconds)}
		if a.At != nil {
			c.start = seconds(*a.At)
		}
		ended = c.start + c.takes
		c.limit = min(max(ended, c.start+patience), last)
		switch a.Do {
		case "type":
			c.keys = grapheme.Split(a.Text)
		case "press":
			c.keys = []string{a.Key}
		}
		list[i] = c
	}
	return list
}

// ready reports whether cue i may act in the frame at a time, which follows the one at before: it
// is due, and those that end before it starts have ended.
func ready(cues []*cue, i int, before, at time.Duration) bool {
	c := cues[i]
	if c.done || !due(at, c.start) {
		return false
	}
	for _, earlier := range cues[:i] {
		if !earlier.done && earlier.start+earlier.takes < c.start+grain {
			return false
		}
	}
	if !c.begun {
		c.began = c.start
		if due(before, c.start) { // late, since the page is
			c.began = at
		}
	}
	return true
}

// passed is how much of the cue's time is over.
func (c *cue) passed(at time.Duration) float64 { return progress(at, c.began, c.start+c.takes-c.began) }

// step returns what the cue needs of the page in the frame at a time, which follows the one at
// before; nil when it needs nothing.
func (c *cue) step(before, at time.Duration) *step {
	s := step{Number: c.number, Selector: c.Selector, Axis: scene.AxisY}
	t := c.passed(at)
	switch {
	case c.Do == "scroll":
		s.Do, s.Y, s.Scrolled = "scroll", c.Y, ease("ease-in-out", t)
		s.Since = ease("ease-in-out", c.passed(max(before, c.began)))
	case c.Do == "click" || c.Do == "hover":
		// What is not on the screen is on it before the mouse arrives.
		s.Do, s.Scrolled, s.Way = "aim", hand(min(t/0.7, 1)), hand(t)
		if c.begun {
			s.From = &c.from
		}
	case !c.begun && (c.Do == "type" || c.Do == "press"):
		s.Do, s.Write = "focus", c.Do == "type"
	case c.typed < len(c.keys): // they go to where the focus is, but not while there is no document
		s.Do, s.Selector = "focus", ""
	default:
		return nil
	}
	return &s
}

// strikes returns the keys that are due and have not been struck: each has an equal share of the
// cue's time, and is struck in the middle of it.
func (c *cue) strikes(at time.Duration) []string {
	n := len(c.keys)
	if t := c.passed(at); t < 1 {
		n = int(t*float64(n) + 0.5 + 1e-9)
	}
	keys := c.keys[min(c.typed, n):n]
	c.typed = max(c.typed, n)
	return keys
}

// due reports whether the frame at a time shows what happens at t.
func due(at, t time.Duration) bool { return at+grain > t }

// progress is how much of a duration that began at start is over, from 0 to 1.
func progress(at, start, takes time.Duration) float64 {
	if due(at, start+takes) {
		return 1
	}
	return max(float64(at-start)/float64(takes), 0)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
