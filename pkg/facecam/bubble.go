package facecam

import (
	"slices"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// BubbleOf returns how a facecam is shown in a video of width × height and a number of frames.
func BubbleOf(o Options, width, height int, rate msg.Rate, frames int) *msg.Bubble {
	p := o.Place(width, height)
	b := &msg.Bubble{X: p.X, Y: p.Y, Width: p.Width, Height: p.Height, Radius: p.Radius,
		Border: p.Border, BorderColor: p.Color, Shadow: p.Shadow, Mirror: o.Mirror}
	for _, m := range o.Fullscreen {
		from, to := m.Span(rate.At(frames))
		grow, shrink := m.Moves()
		// Rounded, a moment may be longer than the video, and two moves longer than what they are
		// part of.
		f := msg.Moment{From: max(0, rate.Frames(from)), To: min(rate.Frames(to), frames)}
		f.Grow = min(rate.Frames(grow), f.To-f.From)
		f.Shrink = min(rate.Frames(shrink), f.To-f.From-f.Grow)
		b.Fullscreen = append(b.Fullscreen, f)
	}
	slices.SortFunc(b.Fullscreen, func(a, b msg.Moment) int { return a.From - b.From })
	return b
}
