package facecam

import "time"

// Options are how the presenter is shown. The zero value is the defaults: a circle at the bottom
// left.
type Options struct {
	// Shape is ShapeCircle (default), ShapeRounded or ShapeRectangle.
	Shape string `json:"shape,omitempty"`
	// Aspect is width:height of a ShapeRounded or ShapeRectangle: 16:9 (default), 4:3, 1:1, 3:4 or
	// 9:16.
	Aspect string `json:"aspect,omitempty"`
	// Size is the bubble's shorter side as a share of the picture's shorter side, from 0.05 to 1. 0
	// is the default, 0.23.
	Size float64 `json:"size,omitempty"`
	// Corner is where the bubble is: CornerBottomLeft (default) or another.
	Corner string `json:"corner,omitempty"`
	// Margin is from the bubble's face to the picture's edges, as a share of the picture's shorter
	// side, from 0 to 0.5. Default: 0.045.
	Margin *float64 `json:"margin,omitempty"`
	// Position is where the bubble is instead of in a corner.
	Position *Position `json:"position,omitempty"`
	// Border is around the face.
	Border Border `json:"border,omitzero"`
	// Shadow says whether the bubble has a soft shadow. Default: true.
	Shadow *bool `json:"shadow,omitempty"`
	// Mirror shows the presenter as in a mirror.
	Mirror bool `json:"mirror,omitempty"`
	// Fullscreen are the moments when the presenter fills the picture, in order.
	Fullscreen []Moment `json:"fullscreen,omitempty"`
}

// Shapes.
const (
	ShapeCircle    = "circle"
	ShapeRounded   = "rounded"
	ShapeRectangle = "rectangle"
)

// Corners.
const (
	CornerBottomLeft  = "bottom-left"
	CornerBottomRight = "bottom-right"
	CornerTopLeft     = "top-left"
	CornerTopRight    = "top-right"
)

// Position is the bubble's centre, in shares of the picture's width and height from its upper left
// corner.
type Position struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Border is the edge around the face. It lies outside of it.
type Border struct {
	// Width is a share of the bubble's shorter side, from 0, none, to 0.2. Default: 0.018, and at
	// least a pixel.
	Width *float64 `json:"width,omitempty"`
	// Color is #rrggbb. Default: #f5f5f5.
	Color string `json:"color,omitempty"`
}

// When a moment may be, but for a number of seconds.
const (
	AtStart = "start"
	AtEnd   = "end"
)

// Moment is a time in which the presenter fills the picture.
type Moment struct {
	// At is when the bubble starts to grow: a float64, in seconds from the video's start; or
	// AtStart, as which the video begins with the full picture; or AtEnd, as which it ends with it.
	At any `json:"at"`
	// Seconds is how long it takes from there until the bubble is back: the moves are part of it.
	Seconds float64 `json:"seconds"`
	// Ease is how many seconds each move between bubble and full picture takes. Default: 0.6; 0 is
	// a cut.
	Ease *float64 `json:"ease,omitempty"`
}

// Span is when a moment of a video of some length starts and ends.
func (m Moment) Span(length time.Duration) (from, to time.Duration) {
	lasts := seconds(m.Seconds)
	switch at := m.At.(type) {
	case float64:
		from = seconds(at)
	case string:
		if at == AtEnd {
			from = length - lasts
		}
	}
	return from, from + lasts
}

// Moves is how long the bubble takes to grow and to shrink.
func (m Moment) Moves() (grow, shrink time.Duration) {
	grow = seconds(or(m.Ease, defaultEase))
	shrink = grow
	switch m.At {
	case AtStart:
		grow = 0
	case AtEnd:
		shrink = 0
	}
	return grow, shrink
}

func seconds(s float64) time.Duration { return time.Duration(s*1e6+0.5) * time.Microsecond }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
