package bubble

import (
	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Action is what the facecam does in a phase of a segment.
type Action int

// The actions.
const (
	Rest Action = iota // a bubble that keeps its place
	Move               // a bubble that grows or shrinks
	Fill               // it fills the picture
)

// Phase is some frames of a segment, counted from its first, in which the facecam does one thing.
type Phase struct {
	Action
	// From is the first frame, To the one after the last.
	From, To int
	// Start is the share of a move's time at frame From, 0 for the bubble and 1 for the full
	// picture. Step is how much it changes from one frame to the next.
	Start, Step float64
}

// Progress returns how far a move has come at the phase's frame n, from 0 for the bubble to 1 for
// the full picture.
func (p Phase) Progress(n int) float64 { return ease(p.Start + p.Step*float64(n)) }

// Phases returns the phases of a segment of the given number of frames that starts at frame first
// of the timeline. What a frame shows depends on its place on the timeline alone.
func Phases(moments []msg.Moment, first, frames int) (list []Phase) {
	at := 0 // where the next one starts, on the timeline
	add := func(p Phase, to int) {
		p.From, p.To = max(at-first, 0), min(to-first, frames)
		if p.From < p.To {
			p.Start += p.Step * float64(p.From+first-at)
			list = append(list, p)
		}
		at = max(at, to)
	}
	for _, m := range moments {
		full, back := m.From, m.To
		if m.Grow > 0 {
			step := 1 / float64(m.Grow)
			add(Phase{Action: Rest}, m.From+1)
			full += m.Grow
			add(Phase{Action: Move, Start: step, Step: step}, full)
		}
		add(Phase{Action: Rest}, full)
		if m.Shrink > 0 {
			back = m.To - m.Shrink + 1
		}
		add(Phase{Action: Fill}, back)
		if m.Shrink > 0 {
			step := -1 / float64(m.Shrink)
			add(Phase{Action: Move, Start: 1 + step, Step: step}, m.To)
		}
	}
	add(Phase{Action: Rest}, first+frames)
	return list
}

// Moving returns a bubble's shapes, one for each frame in which it moves, and before each move an
// empty one: see picture.Bubble.
func Moving(b msg.Bubble, phases []Phase, width, height int) (list []Shape) {
	rest := Of(b)
	for _, p := range phases {
		if p.Action == Move {
			list = append(list, Shape{})
			for n := range p.To - p.From {
				list = append(list, rest.Grown(p.Progress(n), width, height))
			}
		}
	}
	return list
}

// Or returns b, or the default bubble of a video of width × height pixels if b is nil.
func Or(b *msg.Bubble, width, height int, rate msg.Rate) *msg.Bubble {
	if b != nil {
		return b
	}
	return facecam.BubbleOf(facecam.Options{}, width, height, rate, 0)
}
