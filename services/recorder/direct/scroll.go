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

// pageScroll is the option scroll: down the page, and perhaps back.
type pageScroll struct {
	scene.Scroll
	start time.Duration
	// takes is how long it lasts; unknown until the page has been measured when the option says how
	// fast it goes. It is measured again when the page has changed.
	takes time.Duration
	known bool

	down, back bool // done
}

// newPageScroll returns the option scroll in a scene whose last frame is at last.
func newPageScroll(s scene.Scroll, last time.Duration) *pageScroll {
	p := &pageScroll{Scroll: s, start: seconds(s.DelaySeconds)}
	switch {
	case s.Seconds > 0:
		p.takes, p.known = seconds(s.Seconds), true
	case s.Speed == 0:
		p.takes, p.known = last-p.start-seconds(s.PauseSeconds), true
		if s.Back {
			p.takes /= 2
		}
		p.takes = max(p.takes, 0)
	}
	return p
}

// steps returns what is due of it in the frame at a time, which follows the one at before.
func (p *pageScroll) steps(before, at time.Duration) (list []step) {
	if !due(at, p.start) {
		return nil
	}
	if !p.down {
		s := target(p.To)
		s.Number, s.Axis, s.Paced = numberScroll, p.axis(), p.Speed > 0
		if p.known {
			s.Scrolled = ease(p.Easing, progress(at, p.start, p.takes))
			s.Since = ease(p.Easing, progress(max(before, p.start), p.start, p.takes))
		}
		list = append(list, s)
	}
	// Without a pause, one frame has the end of the way down and a part of the way back.
	back := p.start + p.takes + seconds(p.PauseSeconds)
	if p.known && p.Back && !p.back && due(at, back) {
		list = append(list, step{
			Number: numberBack, Do: "back", Of: numberScroll, Axis: p.axis(), Scrolled: ease(p.Easing, progress(at, back, p.takes)),
		})
	}
	return list
}

// measured takes how many CSS pixels are left after the frame at before.
func (p *pageScroll) measured(before time.Duration, left float64) {
	p.takes, p.known = max(before-p.start, 0)+seconds(left/p.Speed), true
}

func (p *pageScroll) axis() string {
	if p.Axis == "" {
		return scene.AxisY
	}
	return p.Axis
}

// done notes that a step is.
func (p *pageScroll) done(s step) {
	switch {
	case s.Scrolled < 1:
	case s.Number == numberScroll:
		p.down = true
	default:
		p.back = true
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
