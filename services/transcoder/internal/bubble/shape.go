package bubble

import (
	"image/color"
	"math"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Shape is a bubble in an image, in pixels, which need not be whole.
type Shape struct {
	// X, Y, Width and Height are the face's.
	X, Y, Width, Height float64
	// Radius of the face's corners.
	Radius float64
	// Border is the border's width around the face.
	Border float64
	Color  color.NRGBA
	// Reach is how far the shadow reaches, Darkness its opacity where it is darkest.
	Reach, Darkness float64
}

// darkness is that of the shadow of a bubble at rest.
const darkness = 0.4

// Of returns the shape of a bubble at rest, in the whole picture.
func Of(b msg.Bubble) Shape {
	return Shape{
		X: float64(b.X), Y: float64(b.Y), Width: float64(b.Width), Height: float64(b.Height),
		Radius: b.Radius, Border: b.Border, Color: parse(b.BorderColor), Reach: b.Shadow, Darkness: darkness,
	}
}

// Pad returns what border and shadow add to the face on each side, an even number of pixels.
func Pad(b msg.Bubble) int {
	if b.Border == 0 && b.Shadow == 0 {
		return 0
	}
	// The shadow is a little below the face: see drop.
	return int(b.Border+b.Shadow*(1+drop))&^1 + 2
}

// Boxed moves a shape into a box that is pad larger than its face on each side.
func (s Shape) Boxed(pad int) Shape {
	s.X, s.Y = float64(pad), float64(pad)
	return s
}

// Grown returns the shape on its way to filling a picture of width × height. share is 0 for the
// shape itself, and 1 for the whole picture.
func (s Shape) Grown(share float64, width, height int) Shape {
	to := func(a, b float64) float64 { return a + (b-a)*share }
	round := s.Radius / min(s.Width, s.Height)
	s.X, s.Y = to(s.X, 0), to(s.Y, 0)
	s.Width, s.Height = to(s.Width, float64(width)), to(s.Height, float64(height))
	// The radius as a share of the size keeps a circle as round as it can be while it grows.
	s.Radius = to(round, 0) * min(s.Width, s.Height)
	s.Border, s.Darkness = to(s.Border, 0), to(s.Darkness, 0)
	return s
}

// ease returns how far a move has come at a share of its time, both from 0 to 1: slow, fast, slow.
func ease(t float64) float64 {
	t = min(max(t, 0), 1)
	return t * t * (3 - 2*t)
}

// inside returns how far within the face a place is; negative outside. It is exact except in a
// corner's square.
func (s Shape) inside(x, y float64) float64 {
	across := math.Abs(x-s.X-s.Width/2) - s.Width/2 + s.Radius
	down := math.Abs(y-s.Y-s.Height/2) - s.Height/2 + s.Radius
	if across <= 0 || down <= 0 {
		return s.Radius - max(across, down)
	}
	return s.Radius - math.Hypot(across, down)
}

// core returns the pixels of a row that are wholly within the face: from the first to before to.
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

// parse reads #rrggbb. Anything else is white.
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
