package direct

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// Numbers of the steps of the option scroll; actions count from 1.
const (
	numberScroll = 0
	numberBack   = -1
)

// way is the option scroll: down the page, and perhaps back.
type way struct {
	scene.Scroll
	start time.Duration
	// takes is how long it lasts; unknown until the page has been measured when the option says how
	// fast it goes. It is measured anew when it has changed.
	takes time.Duration
	known bool

	down, back bool // done
}

// newWay returns the way of a scroll in a scene whose last frame is at last.
func newWay(s scene.Scroll, last time.Duration) *way {
	w := &way{Scroll: s, start: seconds(s.DelaySeconds)}
	switch {
	case s.Seconds > 0:
		w.takes, w.known = seconds(s.Seconds), true
	case s.Speed == 0:
		w.takes, w.known = last-w.start-seconds(s.PauseSeconds), true
		if s.Back {
			w.takes /= 2
		}
		w.takes = max(w.takes, 0)
	}
	return w
}

// steps returns what is due of the way in the frame at a time, which follows the one at before.
func (w *way) steps(before, at time.Duration) (list []step) {
	if !due(at, w.start) {
		return nil
	}
	if !w.down {
		s := target(w.To)
		s.Number, s.Axis, s.Paced = numberScroll, w.axis(), w.Speed > 0
		if w.known {
			s.Scrolled = ease(w.Easing, progress(at, w.start, w.takes))
			s.Since = ease(w.Easing, progress(max(before, w.start), w.start, w.takes))
		}
		list = append(list, s)
	}
	// Without a pause, one frame sees the end of the way and a part of the way back.
	back := w.start + w.takes + seconds(w.PauseSeconds)
	if w.known && w.Back && !w.back && due(at, back) {
		list = append(list, step{
			Number: numberBack, Do: "back", Of: numberScroll, Axis: w.axis(), Scrolled: ease(w.Easing, progress(at, back, w.takes)),
		})
	}
	return list
}

// measured takes how many CSS pixels of the way are left after the frame at before.
func (w *way) measured(before time.Duration, left float64) {
	w.takes, w.known = max(before-w.start, 0)+seconds(left/w.Speed), true
}

func (w *way) axis() string {
	if w.Axis == "" {
		return scene.AxisY
	}
	return w.Axis
}

// done notes that a step is.
func (w *way) done(s step) {
	switch {
	case s.Scrolled < 1:
	case s.Number == numberScroll:
		w.down = true
	default:
		w.back = true
	}
}

// target is a scroll to what scroll.to says.
func target(to string) step {
	s := step{Do: "scroll", Axis: scene.AxisY}
	y, err := strconv.ParseFloat(strings.TrimSpace(to), 64)
	switch {
	case strings.TrimSpace(to) == "end":
		s.To = "end"
	case err == nil && !math.IsNaN(y):
		s.Y = y
	default:
		s.Selector = to
	}
	return s
}
