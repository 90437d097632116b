package transcoder

import (
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
)

// What the facecam does in a phase of a segment.
type doing int

const (
	rests doing = iota // a bubble that keeps its place
	moves              // a bubble that grows or shrinks
	fills              // it fills the picture
)

// phase is some frames of a segment, counted from its first, in which the facecam does one thing.
type phase struct {
	doing
	from, to int
	// start is the share of a move's time at frame from, 0 for the bubble and 1 for the full
	// picture, and step how it changes from one frame to the next.
	start, step float64
}

// way is the share of a move's way at the phase's frame n.
func (s phase) way(n int) float64 { return bubble.Ease(s.start + s.step*float64(n)) }

// phases cuts the frames of a segment that starts at frame first of the timeline. What a frame
// shows depends on its place on the timeline alone.
func phases(moments []msg.Moment, first, frames int) (list []phase) {
	at := 0 // where the next one starts, on the timeline
	add := func(s phase, to int) {
		s.from, s.to = max(at-first, 0), min(to-first, frames)
		if s.from < s.to {
			s.start += s.step * float64(s.from+first-at)
			list = append(list, s)
		}
		at = max(at, to)
	}
	for _, m := range moments {
		full, back := m.From, m.To
		if m.Grow > 0 {
			step := 1 / float64(m.Grow)
			add(phase{doing: rests}, m.From+1)
			full += m.Grow
			add(phase{doing: moves, start: step, step: step}, full)
		}
		add(phase{doing: rests}, full)
		if m.Shrink > 0 {
			back = m.To - m.Shrink + 1
		}
		add(phase{doing: fills}, back)
		if m.Shrink > 0 {
			step := -1 / float64(m.Shrink)
			add(phase{doing: moves, start: 1 + step, step: step}, m.To)
		}
	}
	add(phase{doing: rests}, first+frames)
	return list
}

// shapes are the bubble's, one for each frame in which it moves, and before each move a blank: see
// bubbleSource.over.
func shapes(b msg.Bubble, cut []phase, width, height int) (list []bubble.Shape) {
	rest := bubble.Of(b)
	for _, s := range cut {
		if s.doing == moves {
			list = append(list, bubble.Shape{})
			for n := range s.to - s.from {
				list = append(list, rest.Grown(s.way(n), width, height))
			}
		}
	}
	return list
}
