package watermark

import (
	"image"
	_ "image/jpeg" // for formats
	"image/png"
	"io"
	"math"
	"slices"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // for formats
)

// Bounds of a picture. One of 16 bits a channel takes 8 bytes a pixel while it is decoded, and a JPEG may go over all of its pixels
// again for every few bytes of its file: both bounds limit how long that takes.
const (
	maxPixels = 4 << 20
	maxSide   = 16384
)

// formats are those that are taken.
var formats = []string{"png", "jpeg", "webp"}

// Draw reads a picture, brings it to the largest size within width × height that keeps its shape, thins it to an opacity from 0
// to 1, and writes it as a PNG. Sides are even numbers, because video has colour at half the resolution. It returns what was written.
func Draw(from io.ReadSeeker, to io.Writer, width, height int, opacity float64) (w, h int, err error) {
	source, err := decode(from)
	if err != nil {
		return 0, 0, err
	}
	size := source.Bounds().Size()
	scale := min(float64(width)/float64(size.X), float64(height)/float64(size.Y))
	w, h = even(scale*float64(size.X), width), even(scale*float64(size.Y), height)
	drawn := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(drawn, drawn.Bounds(), source, source.Bounds(), draw.Src, nil)
	for i, v := range drawn.Pix { // alpha, and colours that alpha is multiplied into
		drawn.Pix[i] = uint8(math.Round(float64(v) * opacity))
	}
	return w, h, png.Encode(to, drawn)
}

func decode(from io.ReadSeeker) (image.Image, error) {
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
	picture, _, err := image.Decode(from)
	if err != nil {
		return nil, notPicture("is damaged or incomplete. Was the upload complete?", err)
	}
	return picture, nil
}

// even is the even number next to v, at least 2 and at most what most allows.
func even(v float64, most int) int {
	return max(2, min(2*int(math.Round(v/2)), most&^1))
}
