package bubble

import (
	"image/color"
	"math"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Shape is a bubble in an image, in pixels. Nothing is rounded.
type Shape struct {
	// X, Y, Width and Height are the face's.
	X, Y, Width, Height float64
	// Radius of the face's corners.
	Radius float64
	// Border is the border's width around the face.
	Border float64
	Color  color.NRGBA
	// Reach is how far the shadow reaches, and Darkness its opacity where it is darkest.
	Reach, Darkness float64
}

// darkness is that of a bubble that rests.
const darkness = 0.4

// Of returns the bubble's shape in the picture when it rests.
func Of(b msg.Bubble) Shape {
	return Shape{
		X: float64(b.X), Y: float64(b.Y), Width: float64(b.Width), Height: float64(b.Height),
		Radius: b.Radius, Border: b.Border, Color: parse(b.BorderColor), Reach: b.Shadow, Darkness: darkness,
	}
}

// Pad is what border and shadow add to the face on each side, an even number.
func Pad(b msg.Bubble) int {
	if b.Border == 0 && b.Shadow == 0 {
		return 0
	}
	// The shadow falls a little downwards: see draw.go.
	return int(b.Border+b.Shadow*(1+drop))&^1 + 2
}

// Boxed moves a shape into the box that is Pad larger than its face.
func (s Shape) Boxed(pad int) Shape {
	s.X, s.Y = float64(pad), float64(pad)
	return s
}

// Grown is the shape when it is a share of the way, from 0 to 1, to a picture of width × height
// that it fills.
func (s Shape) Grown(share float64, width, height int) Shape {
	to := func(a, b float64) float64 { return a + (b-a)*share }
	round := s.Radius / min(s.Width, s.Height)
	s.X, s.Y = to(s.X, 0), to(s.Y, 0)
	s.Width, s.Height = to(s.Width, float64(width)), to(s.Height, float64(height))
	// By share of the size, a circle stays as round as can be while it grows.
	s.Radius = to(round, 0) * min(s.Width, s.Height)
	s.Border, s.Darkness = to(s.Border, 0), to(s.Darkness, 0)
	return s
}

// Ease makes of a share of the time of a move, from 0 to 1, the share of its way: slow, fast, slow.
func Ease(t float64) float64 {
	t = min(max(t, 0), 1)
	return t * t * (3 - 2*t)
}

// inside is how far within the face a place is; negative outside. It is exact but inside a corner's
// square.
func (s Shape) inside(x, y float64) float64 {
	across := math.Abs(x-s.X-s.Width/2) - s.Width/2 + s.Radius
	down := math.Abs(y-s.Y-s.Height/2) - s.Height/2 + s.Radius
	if across <= 0 || down <= 0 {
		return s.Radius - max(across, down)
	}
	return s.Radius - math.Hypot(across, down)
}

// core are the pixels of a row that are within the face by more than its edge, from one to before
// another.
func (s Shape) core(y float64) (from, to int) {
	half := s.Width/2 - 1
	down := math.Abs(y-s.Y-s.Height/2) - s.Height/2 + s.Radius
	switch {
	case down > s.Radius-1:
		return 0, 0
	case down > 0:
		half = s.Width/2 - s.Radius + math.Sqrt((s.Radius-1)*(s.Radius-1)-down*down)
	}
	middle := s.X + s.Width/2 - 0.5
	return int(math.Ceil(middle - half)), int(math.Floor(middle+half)) + 1
}

// parse reads #rrggbb. What is none is white.
func parse(text string) color.NRGBA {
	c := color.NRGBA{R: 255, G: 255, B: 255, A: 255}
	if len(text) == 7 && text[0] == '#' {
		var rgb [3]uint8
		for i := range rgb {
			rgb[i] = hex(text[1+2*i])<<4 | hex(text[2+2*i])
		}
		c.R, c.G, c.B = rgb[0], rgb[1], rgb[2]
	}
	return c
}

func hex(digit byte) uint8 {
	switch {
	case digit >= 'a':
		return digit - 'a' + 10
	case digit >= 'A':
		return digit - 'A' + 10
	}
	return digit - '0'
}
