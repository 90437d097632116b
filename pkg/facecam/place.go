package facecam

import "math"

// What is meant by what is not written.
const (
	defaultSize   = 0.23
	defaultMargin = 0.045
	defaultBorder = 0.018
	defaultColor  = "#f5f5f5" // white, but not a hole in the picture
	defaultEase   = 0.6
)

// Shares of the bubble's shorter side.
const (
	roundedShare = 0.12
	shadowShare  = 0.1
)

// Place is where the bubble is in a picture, and what it looks like, in pixels.
type Place struct {
	// X, Y, Width and Height are the face's. All are even, because colour has half the resolution.
	X, Y, Width, Height int
	// Radius of the face's corners.
	Radius float64
	// Border is the border's width, and Shadow the shadow's reach; 0 for none.
	Border, Shadow float64
	// Color is the border's, as #rrggbb.
	Color string
}

var aspects = map[string][2]float64{"16:9": {16, 9}, "4:3": {4, 3}, "1:1": {1, 1}, "3:4": {3, 4}, "9:16": {9, 16}}

// Place places the bubble on a picture of width × height pixels.
func (o Options) Place(width, height int) Place {
	side := float64(min(width, height))
	size := o.Size
	if size == 0 {
		size = defaultSize
	}
	short := max(2, even(size*side))
	p := Place{Width: short, Height: short, Color: o.Border.Color}
	switch o.Shape {
	case ShapeRounded, ShapeRectangle:
		p.Width, p.Height = boxOf(o.Aspect, short)
		if o.Shape == ShapeRounded {
			p.Radius = roundedShare * float64(short)
		}
	default:
		p.Radius = float64(short) / 2
	}
	if share := or(o.Border.Width, defaultBorder); share > 0 {
		p.Border = max(1, share*float64(short))
	}
	if p.Color == "" {
		p.Color = defaultColor
	}
	if or(o.Shadow, true) {
		p.Shadow = shadowShare * float64(short)
	}
	p.X, p.Y = o.corner(width, height, p.Width, p.Height)
	return p
}

// corner returns the upper left corner of a face of w × h.
func (o Options) corner(width, height, w, h int) (x, y int) {
	if o.Position != nil {
		return even(o.Position.X*float64(width) - float64(w)/2), even(o.Position.Y*float64(height) - float64(h)/2)
	}
	margin := even(or(o.Margin, defaultMargin) * float64(min(width, height)))
	x, y = margin, height&^1-margin-h
	if o.Corner == CornerBottomRight || o.Corner == CornerTopRight {
		x = width&^1 - margin - w
	}
	if o.Corner == CornerTopLeft || o.Corner == CornerTopRight {
		y = margin
	}
	return x, y
}

// boxOf returns the size of a box of an aspect whose shorter side is short.
func boxOf(aspect string, short int) (w, h int) {
	of, known := aspects[aspect]
	if !known {
		of = aspects["16:9"]
	}
	scale := float64(short) / min(of[0], of[1])
	return even(of[0] * scale), even(of[1] * scale)
}

// even rounds down to an even number.
func even(v float64) int { return int(math.Floor(v)) &^ 1 }
