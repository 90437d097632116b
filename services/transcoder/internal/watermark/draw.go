package watermark

import (
	"context"
	"errors"
	"image"
	"image/color"
	_ "image/jpeg" // for formats
	"image/png"
	"io"
	"math"
	"slices"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // for formats
)

// Bounds of a picture. While it is decoded, 16 bits a channel take 8 bytes a pixel, and a JPEG of
// many scans takes 12.
const (
	maxPixels = 4 << 20
	maxSide   = 16384
)

// formats are the accepted ones.
var formats = []string{"png", "jpeg", "webp"}

// Draw reads a picture, scales it to the largest size within width × height that keeps its shape,
// makes it transparent to an opacity from 0 to 1, and writes it as a PNG. It returns the size in
// pixels, which is even, because video has colour at half the resolution. If the deadline of ctx
// passes, the error is that the picture takes too long to decode.
func Draw(ctx context.Context, from io.ReadSeeker, to io.Writer, width, height int, opacity float64) (w, h int, err error) {
	source, err := decode(ctx, from)
	if err != nil {
		return 0, 0, err
	}
	size := source.Bounds().Size()
	scale := min(float64(width)/float64(size.X), float64(height)/float64(size.Y))
	w, h = even(scale*float64(size.X), width), even(scale*float64(size.Y), height)
	scaled := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(scaled, scaled.Bounds(), source, source.Bounds(), draw.Src, nil)
	return w, h, png.Encode(to, thinned(scaled, opacity))
}

func decode(ctx context.Context, from io.ReadSeeker) (image.Image, error) {
	config, format, err := image.DecodeConfig(from)
	if err != nil || !slices.Contains(formats, format) { // other packages may register more
		return nil, notPicture(describe(from), err)
	}
	if config.Width <= 0 || config.Height <= 0 || max(config.Width, config.Height) > maxSide || config.Width*config.Height > maxPixels {
		return nil, tooLarge(config.Width, config.Height)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	picture, _, err := image.Decode(&until{ctx, from})
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, notPicture("takes too long to decode.", err)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, notPicture("is damaged or incomplete. Was the upload complete?", err)
	}
	return picture, nil
}

// until is a reader that fails when its context ends, and so ends decoding: a JPEG may hold
// thousands of scans of a few bytes, each of which goes over all of its pixels.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p[:min(len(p), 512)])
}

// thinned returns a picture at an opacity. Transparent pixels get the colour of pixels near them,
// and stay transparent: video has one colour for four pixels, and their black would darken the
// picture's edges.
func thinned(picture *image.RGBA, opacity float64) *image.NRGBA {
	out := image.NewNRGBA(picture.Bounds())
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			if c, _ := color.NRGBAModel.Convert(picture.RGBAAt(x, y)).(color.NRGBA); c.A > 0 {
				c.A = uint8(math.Round(float64(c.A) * opacity))
				out.SetNRGBA(x, y, c)
			} else {
				out.SetNRGBA(x, y, beside(picture, x, y))
			}
		}
	}
	return out
}

// reach is how many pixels away a transparent pixel's colour may come from: as far as a filter that
// halves the resolution reads.
const reach = 3

// beside returns the mean colour of the pixels near a transparent one, weighted by their alpha,
// with alpha 0.
func beside(picture *image.RGBA, x, y int) color.NRGBA {
	var r, g, b, a int
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			c := picture.RGBAAt(x+dx, y+dy) // zero outside of the picture
			r, g, b, a = r+int(c.R), g+int(c.G), b+int(c.B), a+int(c.A)
		}
	}
	if a == 0 {
		return color.NRGBA{}
	}
	return color.NRGBA{R: uint8(255 * r / a), G: uint8(255 * g / a), B: uint8(255 * b / a)}
}

// even returns the even number nearest to v, from 2 to most.
func even(v float64, most int) int {
	return max(2, min(2*int(math.Round(v/2)), most&^1))
}
