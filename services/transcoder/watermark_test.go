package transcoder

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// oneColour is a PNG of one colour.
func oneColour(t *testing.T, width, height int, c color.NRGBA) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// marked draws a watermark and returns it as normalize's input.
func (b *bench) marked(t *testing.T, data []byte, p msg.DrawParams) (msg.Input, msg.DrawFacts) {
	t.Helper()
	b.store.put("web/logo", data)
	p.URL = b.url + "/web/logo"
	facts := b.must(t, msg.Draw, p, nil, msg.WatermarkFile).(msg.DrawFacts)
	return b.input(t, "logo", b.store.get(t, "draw/"+msg.WatermarkFile), facts), facts
}

func TestAWatermarkIsOverEveryFrame(t *testing.T) {
	t.Parallel()
	const count = 20
	rate := msg.FPS(24)
	orange := color.NRGBA{R: 230, G: 120, B: 30, A: 255}
	for name, c := range map[string]struct {
		corner  msg.WatermarkPlace
		opacity float64
		x, y    int // its middle
	}{
		"top right":                {msg.WatermarkPlace{Right: true, Margin: 10}, 1, testWidth - 10 - 30, 10 + 15},
		"bottom left, translucent": {msg.WatermarkPlace{Bottom: true, Margin: 4}, 0.5, 4 + 30, testHeight - 4 - 15},
		"top left":                 {msg.WatermarkPlace{Margin: 0}, 1, 30, 15},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			mark, facts := b.marked(t, oneColour(t, 200, 100, orange), msg.DrawParams{Width: 60, Height: 400, Opacity: c.opacity})
			if facts != (msg.DrawFacts{Width: 60, Height: 30}) {
				t.Fatalf("drawn as %+v", facts)
			}
			b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Watermark: &c.corner},
				map[string]msg.Input{
					// Repeated frames are stored once.
					msg.Mezzanine:     b.input(t, "m", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Solid(100), func(n int) bool { return n%7 == 0 }), nil),
					msg.WatermarkFile: mark,
				}, msg.Segment)
			segment := b.store.get(t, "normalize/segment")
			checkTiming(t, segment, rate, count)
			video := mediatest.Decode(t, segment, testWidth, testHeight)
			for n := range count {
				for i, v := range [3]uint8{orange.R, orange.G, orange.B} {
					want := 100 + c.opacity*(float64(v)-100)
					if got := video.RGB(n, c.x, c.y); math.Abs(got[i]-want) > 5 {
						t.Errorf("frame %d: the watermark is %.0f, want %.0f for the colour at place %d", n, got, want, i)
					}
				}
				if got := video.RGB(n, testWidth/2, testHeight/2)[0]; math.Abs(got-100) > 3 {
					t.Errorf("frame %d: the page's brightness is %.0f, want 100", n, got)
				}
			}
		})
	}
}

// The bubble, a transition's second scene and the watermark are all inputs.
func TestAWatermarkIsOverTransitionsAndTheBubble(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const count = 24
	rate := msg.FPS(24)
	mark, _ := b.marked(t, oneColour(t, 50, 50, color.NRGBA{G: 200, A: 255}), msg.DrawParams{Width: 20, Height: 20, Opacity: 1})
	face, _ := b.probed(t, mediatest.Facecam(t, rate, 48, 160, 120, nil))
	whole := msg.Bubble{Width: testWidth, Height: testHeight, BorderColor: "#000000",
		Fullscreen: []msg.Moment{{From: 0, To: count, Grow: 6, Shrink: 6}}}
	for name, bubble := range map[string]msg.Bubble{"at rest": usual(testWidth, testHeight), "everywhere, and moving": whole} {
		b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Crossfade: true, Facecam: true, Bubble: &bubble,
			Watermark: &msg.WatermarkPlace{Right: true, Margin: 8},
			Captions:  captioned(caption(0, 1e9, "Said")),
		}, map[string]msg.Input{
			msg.Mezzanine:     b.input(t, "a", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Solid(40), nil), nil),
			msg.MezzanineNext: b.input(t, "b", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Solid(220), nil), nil),
			msg.FacecamFile:   face, msg.WatermarkFile: mark,
		}, msg.Segment)
		video := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
		for n := range count {
			if got := video.RGB(n, testWidth-18, 18); math.Abs(got[1]-200) > 6 || got[0] > 12 {
				t.Errorf("%s: frame %d has %.0f where the watermark is", name, n, got)
			}
		}
	}
}

func TestAWatermarkThatIsNoneFailsWithItsOwnCode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.put("web/page", []byte("<!doctype html><title>My logo</title>"))
	b.store.put("web/large", make([]byte, 1<<20+1))
	for path, c := range map[string]struct {
		code  msg.Code
		words string
	}{
		"page":  {msg.CodeWatermarkNotPicture, "The watermark is a web page"},
		"large": {msg.CodeWatermarkTooLarge, "The watermark is larger than 1 MB"},
		"none":  {msg.CodeWatermarkStatus, "The watermark was not found"},
	} {
		b.wantFetchToFail(t, msg.Draw, msg.DrawParams{
			URL: b.url + "/web/" + path + "?token=secret", Width: 10, Height: 10, Opacity: 1,
		}, msg.WatermarkFile, c.code, true, c.words)
	}
}
