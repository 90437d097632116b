package transcoder

import (
	"bytes"
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
		if got, err := worth(path, image.Rectangle{}); err != nil || (got >= 1) != c.enough {
			t.Errorf("%s is worth %.2f, %v", name, got, err)
		}
	}
}

func TestWhatTheFacecamHidesIsWhereItIs(t *testing.T) {
	v := expected{width: 1920, height: 1080, rate: msg.FPS(60), frames: 900}
	none := 0.
	plain := shown.Options{Corner: shown.CornerTopRight, Border: shown.Border{Width: &none}, Shadow: new(bool), Fullscreen: []shown.Moment{
		{At: 2.0, Seconds: 2.0}, {At: 10.0, Seconds: 1.0, Ease: &none}}}
	over := msg.BubbleOf(plain, v.width, v.height, v.rate, v.frames)
	face, whole := image.Rect(1624, 48, 1872, 296), image.Rect(0, 0, 1920, 1080)
	for frame, want := range map[int]image.Rectangle{
		0: face, 120: face, 121: whole, 180: whole, 239: whole, 240: face, 599: face, 600: whole, 659: whole, 660: face,
	} {
		if got := hidden(over, frame, v); got != want {
			t.Errorf("in frame %d %v is hidden, want %v", frame, got, want)
		}
	}
	if got := hidden(nil, 0, v); !got.Empty() {
		t.Errorf("without a facecam %v is hidden", got)
	}
	if got := hidden(msg.BubbleOf(shown.Options{}, v.width, v.height, v.rate, 0), 0, v); !image.Rect(48, 784, 296, 1032).In(got) || got.Dx() == 248 {
		t.Errorf("of a face with border and shadow %v is hidden", got)
	}
}

// The presenter is sharp and bright from the first frame on, at the top right; the page is blank
// but for a part at the lower left, late.
func TestAThumbnailIsChosenForThePageBesideTheFacecam(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(24), 48
	over := msg.BubbleOf(shown.Options{Corner: shown.CornerTopRight, Size: 0.5}, testWidth, testHeight, rate, count)
	over.Fullscreen = []msg.Moment{{From: 22, To: 27}} // the second candidate
	face, _ := b.probed(t, mediatest.Make(t, "facecam.mp4", nil, "-f", "lavfi", "-i", "testsrc2=s=160x120:r=24:d=2", "-f", "lavfi", "-i", "sine=d=2",
		"-c:v", "libx264", "-pix_fmt", "yuv420p"))
	scene := mediatest.Mezzanine(t, rate, count, testWidth, testHeight, func(n int, rgb []byte, width, height int) {
		mediatest.Solid(240)(n, rgb, width, height)
		for y := height / 2; n >= 30 && y < height; y++ {
			for x := range width / 2 {
				if (x/4+y/4)%2 == 0 {
					copy(rgb[3*(y*width+x):], []byte{10, 10, 10})
				}
			}
		}
	}, nil)
	facts := b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Facecam: true, Bubble: over},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment)
	joined := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{count}},
		map[string]msg.Input{msg.SegmentName(0): b.input(t, "s", b.store.get(t, "normalize/segment"), facts)}, msg.Joined)
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Bubble: over},
		map[string]msg.Input{msg.Joined: b.input(t, "joined", b.store.get(t, "concat/joined"), joined), msg.FacecamFile: face}, outputsOfVideo...)
	img, err := jpeg.Decode(bytes.NewReader(b.store.get(t, "overlay/thumbnail")))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(86, 134).RGBA(); r>>8 > 60 {
		t.Errorf("the thumbnail has brightness %d where the page is dark, from frame 30 on", r>>8)
	}
}
