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

// Bounds of a picture. One of 16 bits a channel takes 8 bytes a pixel while it is decoded, a JPEG
// of many scans 12.
const (
	maxPixels = 4 << 20
	maxSide   = 16384
)

// formats are those that are taken.
var formats = []string{"png", "jpeg", "webp"}

// Draw reads a picture, brings it to the largest size within width × height that keeps its shape,
// thins it to an opacity from 0 to 1, and writes it as a PNG. Sides are even numbers, because video
// has colour at half the resolution. It returns what was written. When ctx ends it gives up; when
// that is for its deadline, because the picture takes too long to decode.
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
	if err != nil || !slices.Contains(formats, format) { // other packages may bring others
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

// until is a reader that ends with its context, and with it what decodes: a JPEG may hold thousands
// of scans, each over all of its pixels, in some bytes each.
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

// thinned returns a picture at an opacity. Pixels beside it that are clear get its colour, though
// they stay clear: video has one colour for four pixels, and the black that they have else would
// darken the picture's edges.
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

// reach is how many pixels away a clear pixel's colour may come from: as far as a filter reaches
// that halves the resolution.
const reach = 3

// beside is the mean colour of what is near a clear pixel, each as much as it covers, and clear.
func beside(picture *image.RGBA, x, y int) color.NRGBA {
	var r, g, b, a int
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			c := picture.RGBAAt(x+dx, y+dy) // nothing outside
			r, g, b, a = r+int(c.R), g+int(c.G), b+int(c.B), a+int(c.A)
		}
	}
	if a == 0 {
		return color.NRGBA{}
	}
	return color.NRGBA{R: uint8(255 * r / a), G: uint8(255 * g / a), B: uint8(255 * b / a)}
}

// even is the even number next to v, at least 2 and at most what most allows.
func even(v float64, most int) int {
	return max(2, min(2*int(math.Round(v/2)), most&^1))
}
