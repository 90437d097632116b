package bubble

import (
	"image/color"
	"io"
)

// Animation is a bubble that changes from frame to frame, as raw RGBA pictures of twice the height:
// the plate, and below it the mask, as alpha.
type Animation struct {
	// Shapes are the bubble's shapes, one for each frame, in pictures of Width × Height.
	Shapes        []Shape
	Width, Height int

	frame, rest []byte
}

// Read draws a frame when the one before has been read.
func (f *Animation) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if len(f.Shapes) == 0 {
			return 0, io.EOF
		}
		f.draw(f.Shapes[0])
		f.Shapes = f.Shapes[1:]
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *Animation) draw(s Shape) {
	size := 4 * f.Width * f.Height
	if f.frame == nil {
		f.frame = make([]byte, 2*size)
	}
	clear(f.frame)
	f.rest = f.frame
	draw(s, f.Width, f.Height, func(x, y int, c color.NRGBA, cover uint8) {
		i := 4 * (y*f.Width + x)
		f.frame[i], f.frame[i+1], f.frame[i+2], f.frame[i+3] = c.R, c.G, c.B, c.A
		f.frame[size+i+3] = cover
	})
}
