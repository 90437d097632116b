package preview

import (
	"image"
	"image/color"

	"golang.org/x/image/vector"
)

const (
	// buttonShare is the button's diameter as a share of the picture's shorter side, buttonLeast
	// what it has at least, in pixels.
	buttonShare = 0.24
	buttonLeast = 24
)

// button draws a white triangle on a dark disc that lets the picture shine through.
func button(side int) image.Image {
	size := max(buttonLeast, int(buttonShare*float64(side))) &^ 1
	picture := image.NewNRGBA(image.Rect(0, 0, size, size))
	r := float32(size) / 2
	disc := vector.NewRasterizer(size, size)
	// Four curves that differ from a circle by less than a thousandth of the radius.
	const k = 0.5522848
	disc.MoveTo(2*r, r)
	disc.CubeTo(2*r, r+k*r, r+k*r, 2*r, r, 2*r)
	disc.CubeTo(r-k*r, 2*r, 0, r+k*r, 0, r)
	disc.CubeTo(0, r-k*r, r-k*r, 0, r, 0)
	disc.CubeTo(r+k*r, 0, 2*r, r-k*r, 2*r, r)
	disc.ClosePath()
	disc.Draw(picture, picture.Rect, image.NewUniform(color.NRGBA{R: 16, G: 18, B: 22, A: 176}), image.Point{})
	triangle := vector.NewRasterizer(size, size)
	// Its centre of mass is the disc's centre.
	triangle.MoveTo(r-0.27*r, r-0.46*r)
	triangle.LineTo(r+0.54*r, r)
	triangle.LineTo(r-0.27*r, r+0.46*r)
	triangle.ClosePath()
	triangle.Draw(picture, picture.Rect, image.White, image.Point{})
	return picture
}
