package transcoder

import (
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/draw"
)

func TestAThumbnailIsWorthItWhenItShowsSomethingSharp(t *testing.T) {
	const width, height = 640, 360
	text := image.NewRGBA(image.Rect(0, 0, width, height))
	rgb := make([]byte, 3*width*height)
	page(0, rgb, width, height)
	for i := range width * height {
		text.SetRGBA(i%width, i/width, color.RGBA{R: rgb[3*i], G: rgb[3*i+1], B: rgb[3*i+2], A: 255})
	}
	blurred := image.NewRGBA(text.Bounds())
	tiny := image.NewRGBA(image.Rect(0, 0, width/80, height/80))
	draw.BiLinear.Scale(tiny, tiny.Bounds(), text, text.Bounds(), draw.Src, nil)
	draw.CatmullRom.Scale(blurred, blurred.Bounds(), tiny, tiny.Bounds(), draw.Src, nil)
	flat := image.NewRGBA(text.Bounds())
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.RGBA{R: 250, G: 250, B: 250, A: 255}), image.Point{}, draw.Src)
	for name, c := range map[string]struct {
		img    image.Image
		enough bool
	}{"a page": {text, true}, "the same, blurred": {blurred, false}, "nothing": {flat, false}} {
		path := filepath.Join(t.TempDir(), "thumbnail.jpg")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := jpeg.Encode(f, c.img, nil); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := worth(path); err != nil || (got >= 1) != c.enough {
			t.Errorf("%s is worth %.2f, %v", name, got, err)
		}
	}
}
