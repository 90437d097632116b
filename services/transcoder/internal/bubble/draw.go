package bubble

import (
	"image"
	"image/color"
	"math"
)

// drop is how far down the shadow is, as a share of its reach.
const drop = 0.35

// drawImages draws a bubble's plate and mask, of width × height pixels.
func drawImages(s Shape, width, height int) (plate *image.NRGBA, mask *image.Gray) {
	plate, mask = image.NewNRGBA(image.Rect(0, 0, width, height)), image.NewGray(image.Rect(0, 0, width, height))
	draw(s, width, height, func(x, y int, c color.NRGBA, cover uint8) {
		plate.SetNRGBA(x, y, c)
		mask.SetGray(x, y, color.Gray{Y: cover})
	})
	return plate, mask
}

// draw calls set with each pixel of the plate and how much of the scene it covers. It leaves out
// empty pixels.
func draw(s Shape, width, height int, set func(x, y int, plate color.NRGBA, cover uint8)) {
	around := s.Border + s.Reach*(1+drop) + 1
	left, right := max(0, int(s.X-around)), min(width, int(s.X+s.Width+around)+1)
	top, bottom := max(0, int(s.Y-around)), min(height, int(s.Y+s.Height+around)+1)
	for y := top; y < bottom; y++ {
		py := float64(y) + 0.5
		from, to := s.core(py)
		for x := left; x < right; x++ {
			if x >= from && x < to {
				set(x, y, color.NRGBA{R: s.Color.R, G: s.Color.G, B: s.Color.B}, 255)
				continue
			}
			px := float64(x) + 0.5
			inside := s.inside(px, py)
			face, disc := edge(inside), edge(inside+s.Border)
			cover := disc
			if disc < 1 {
				cover += s.shadow(px, py) * (1 - disc)
			}
			set(x, y, s.plate(face, disc, cover), level(cover))
		}
	}
}

// plate returns the colour that, laid over the face, gives the border's colour outside of the face,
// and black in the shadow.
func (s Shape) plate(face, disc, cover float64) color.NRGBA {
	if cover <= 0 {
		return color.NRGBA{A: 255}
	}
	border := 0.0
	if cover > face {
		border = (disc - face) / (cover - face)
	}
	part := func(v uint8) uint8 { return level(float64(v) / 255 * border) }
	return color.NRGBA{R: part(s.Color.R), G: part(s.Color.G), B: part(s.Color.B), A: level(1 - face/cover)}
}

// shadow returns how dark the shadow is at a place, from 0 to 1. It fades over its reach on both
// sides of its edge.
func (s Shape) shadow(x, y float64) float64 {
	if s.Reach <= 0 {
		return 0
	}
	// A soft edge has rounded corners.
	soft := s
	soft.Radius = max(s.Radius, min(s.Reach, s.Width/2, s.Height/2))
	beyond := -soft.inside(x, y-drop*s.Reach) - s.Border
	return s.Darkness * (1 - ease((beyond/s.Reach+1)/2))
}

// edge returns how much of a pixel lies in a shape, for antialiasing. inside is how many pixels
// within the shape its centre is.
func edge(inside float64) float64 { return min(max(inside+0.5, 0), 1) }

func level(v float64) uint8 { return uint8(math.Round(255 * min(max(v, 0), 1))) }
