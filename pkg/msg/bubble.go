package msg

import (
	"slices"

	"github.com/loom-lite/loom-lite/pkg/facecam"
)

// Bubble is how the facecam is shown: where it is in the picture, in pixels, and when it fills it.
type Bubble struct {
	// X, Y, Width and Height are the face's, even numbers.
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
	// Radius of the face's corners: half of its width makes it a circle.
	Radius float64 `json:"radius"`
	// Border is the width of the border around the face, and BorderColor its colour, as #rrggbb.
	Border      float64 `json:"border"`
	BorderColor string  `json:"border_color"`
	// Shadow is how far the shadow reaches; 0 for none.
	Shadow float64 `json:"shadow"`
	// Mirror says whether left and right are swapped.
	Mirror bool `json:"mirror,omitempty"`
	// Fullscreen are the moments when the facecam fills the picture, in order; none overlap.
	Fullscreen []Moment `json:"fullscreen,omitempty"`
}

// Moment is a time in which the facecam fills the picture, in frames of the render's timeline.
type Moment struct {
	// From is the last frame that shows the bubble before, To the first that shows it afterwards.
	From int `json:"from"`
	To   int `json:"to"`
	// Grow is how many frames after From the facecam fills the picture, Shrink how many before To
	// it does so still. When one is 0 there is no such move: frame From, or the one before To, is
	// full.
	Grow   int `json:"grow"`
	Shrink int `json:"shrink"`
}

// BubbleOf says how a facecam is shown in a video of width × height and a number of frames.
func BubbleOf(o facecam.Options, width, height int, rate Rate, frames int) *Bubble {
	p := o.Place(width, height)
	b := &Bubble{X: p.X, Y: p.Y, Width: p.Width, Height: p.Height, Radius: p.Radius,
		Border: p.Border, BorderColor: p.Color, Shadow: p.Shadow, Mirror: o.Mirror}
	for _, m := range o.Fullscreen {
		from, to := m.Span(rate.At(frames))
		grow, shrink := m.Moves()
		// Rounded, a moment may be longer than the video, and two moves longer than what they are
		// part of.
		f := Moment{From: max(0, rate.Frames(from)), To: min(rate.Frames(to), frames)}
		f.Grow = min(rate.Frames(grow), f.To-f.From)
		f.Shrink = min(rate.Frames(shrink), f.To-f.From-f.Grow)
		b.Fullscreen = append(b.Fullscreen, f)
	}
	slices.SortFunc(b.Fullscreen, func(a, b Moment) int { return a.From - b.From })
	return b
}
