package thumbnail

import (
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/draw"

	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestAThumbnailIsWorthItWhenItShowsSomethingSharp(t *testing.T) {
	const width, height = 640, 360
	text := image.NewRGBA(image.Rect(0, 0, width, height))
	rgb := make([]byte, 3*width*height)
	mediatest.Page(0, rgb, width, height)
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
		if got, err := worth(path, image.Rectangle{}); err != nil || (got >= 1) != c.enough {
			t.Errorf("%s is worth %.2f, %v", name, got, err)
		}
	}
}

func TestWhatTheFacecamHidesIsWhereItIs(t *testing.T) {
	v := Video{Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: 900}
	none := 0.
	plain := shown.Options{Corner: shown.CornerTopRight, Border: shown.Border{Width: &none}, Shadow: new(bool), Fullscreen: []shown.Moment{
		{At: 2.0, Seconds: 2.0}, {At: 10.0, Seconds: 1.0, Ease: &none}}}
	v.Over = shown.BubbleOf(plain, v.Width, v.Height, v.Rate, v.Frames)
	face, whole := image.Rect(1624, 48, 1872, 296), image.Rect(0, 0, 1920, 1080)
	for frame, want := range map[int]image.Rectangle{
		0: face, 120: face, 121: whole, 180: whole, 239: whole, 240: face, 599: face, 600: whole, 659: whole, 660: face,
	} {
		if got := hidden(v, frame); got != want {
			t.Errorf("in frame %d %v is hidden, want %v", frame, got, want)
		}
	}
	v.Over = nil
	if got := hidden(v, 0); !got.Empty() {
		t.Errorf("without a facecam %v is hidden", got)
	}
	v.Over = shown.BubbleOf(shown.Options{}, v.Width, v.Height, v.Rate, 0)
	if got := hidden(v, 0); !image.Rect(48, 784, 296, 1032).In(got) || got.Dx() == 248 {
		t.Errorf("of a face with border and shadow %v is hidden", got)
	}
}

func TestCommandLines(t *testing.T) {
	v := Video{Name: "video.mp4", Width: 1920, Height: 1080, Rate: msg.Rate{Num: 30000, Den: 1001}, Frames: 300}
	mediatest.Golden(t, map[string][]string{"thumbnail": args(v, 150)})
}
