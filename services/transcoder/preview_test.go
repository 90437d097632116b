package transcoder

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/webp"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/preview"
)

// previews makes the previews of a video of one scene.
func previews(t *testing.T, count, width, height int, draw func(n int, rgb []byte, width, height int), p output.Preview) (asGIF, asWebP []byte) {
	t.Helper()
	b := newBench(t)
	rate := msg.FPS(10)
	scene := mediatest.Mezzanine(t, rate, count, width, height, draw, nil)
	facts := b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: width, Height: height, Rate: rate, Frames: count},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment)
	b.must(t, msg.Concat, msg.ConcatParams{Width: width, Height: height, Rate: rate, Frames: []int{count}, Final: true, Preview: &p},
		map[string]msg.Input{msg.SegmentName(0): b.input(t, "s", b.store.get(t, "normalize/segment"), facts)},
		append([]string{msg.PreviewGIF, msg.PreviewWebP}, outputsOfVideo...)...)
	return b.store.get(t, "concat/"+msg.PreviewGIF), b.store.get(t, "concat/"+msg.PreviewWebP)
}

func ptr[T any](v T) *T { return &v }

func TestAPreviewShowsWhatMovesInTheVideosColours(t *testing.T) {
	t.Parallel()
	// The page is green. From frame 20 to frame 50 a dark square goes over it, and words are there.
	draw := func(n int, rgb []byte, width, height int) {
		for i := range width * height {
			x, y := i%width, i/width
			c := []byte{0x30, 0xa0, 0x30}
			if at := 40 + 3*n; n >= 20 && n < 50 && x >= at && x < at+30 && y < 60 {
				c = []byte{10, 10, 10}
			}
			if y >= height-20 && (x/3+y/3)%2 == 0 {
				c = []byte{250, 250, 250}
			}
			copy(rgb[3*i:], c)
		}
	}
	asGIF, asWebP := previews(t, 60, 320, 180, draw, output.Preview{Seconds: ptr(3.0), Width: ptr(240), PlayButton: true})
	g, err := gif.DecodeAll(bytes.NewReader(asGIF))
	if err != nil {
		t.Fatal(err)
	}
	if g.LoopCount != 0 || g.Config.Width != 240 || g.Config.Height != 136 {
		t.Errorf("the GIF has %d × %d pixels and plays %d times more, want 240 × 136 for ever (0)", g.Config.Width, g.Config.Height, g.LoopCount)
	}
	shown := 0
	for _, d := range g.Delay {
		shown += d
	}
	if shown < 290 || shown > 310 {
		t.Errorf("the GIF lasts %d hundredths of a second, want 300", shown)
	}
	first := g.Image[0]
	if r, gr, b := rgb(first.At(230, 5)); unlike(r, 0x30) || unlike(gr, 0xa0) || unlike(b, 0x30) {
		t.Errorf("the page is #%02x%02x%02x in the GIF, want about #30a030", r, gr, b)
	}
	if r, gr, b := rgb(first.At(120, 68)); r < 240 || gr < 240 || b < 240 {
		t.Errorf("the middle is #%02x%02x%02x, want the white of a play button", r, gr, b)
	}
	// What moves is in it: at its start the square is at the left, at its end at the right.
	if r, _, _ := rgb(first.At(60, 20)); r > 40 && len(g.Image) < 20 {
		t.Errorf("the GIF has %d pictures and nothing moves in the first", len(g.Image))
	}
	w := readWebP(t, asWebP)
	if w.width != 240 || w.height != 136 || w.loops != 0 || w.milliseconds < 2900 || w.milliseconds > 3100 {
		t.Errorf("the WebP has %d × %d pixels, %d loops and lasts %d ms, want 240 × 136, 0 and 3000", w.width, w.height, w.loops, w.milliseconds)
	}
	if r, gr, b := rgb(w.first.At(230, 5)); unlike(r, 0x30) || unlike(gr, 0xa0) || unlike(b, 0x30) {
		t.Errorf("the page is #%02x%02x%02x in the WebP, want about #30a030", r, gr, b)
	}
}

// Noise cannot be made small by anything but fewer, smaller pictures of fewer colours.
func TestAPreviewOfNoiseIsSmallEnough(t *testing.T) {
	t.Parallel()
	noise := func(n int, rgb []byte, _, _ int) {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		for i := range rgb {
			rgb[i] = byte(random.IntN(256))
		}
	}
	asGIF, asWebP := previews(t, 30, 280, 280, noise, output.Preview{Seconds: ptr(3.0)})
	if len(asGIF) > preview.MaxBytes || len(asWebP) > preview.MaxBytes {
		t.Errorf("the GIF has %d bytes and the WebP %d, want %d at most", len(asGIF), len(asWebP), preview.MaxBytes)
	}
	if _, err := gif.DecodeAll(bytes.NewReader(asGIF)); err != nil {
		t.Error(err)
	}
	readWebP(t, asWebP)
}

func rgb(c color.Color) (r, g, b int) {
	cr, cg, cb, _ := c.RGBA()
	return int(cr >> 8), int(cg >> 8), int(cb >> 8)
}

func unlike(a, b int) bool { return math.Abs(float64(a-b)) > 10 }

type animatedWebP struct {
	width, height, loops, milliseconds int
	first                              image.Image
}

// readWebP reads an animated WebP: its header, how long it lasts, and its first picture.
func readWebP(t *testing.T, data []byte) (w animatedWebP) {
	t.Helper()
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WEBP" {
		t.Fatal("not a WebP")
	}
	le24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	for rest := data[12:]; len(rest) >= 8; {
		kind, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8 : 8+size]
		switch kind {
		case "VP8X":
			w.width, w.height = 1+le24(body[4:]), 1+le24(body[7:])
		case "ANIM":
			w.loops = int(binary.LittleEndian.Uint16(body[4:]))
		case "ANMF":
			w.milliseconds += le24(body[12:])
			if w.first != nil {
				break
			}
			alone := append([]byte("RIFF\x00\x00\x00\x00WEBP"), body[16:]...)
			binary.LittleEndian.PutUint32(alone[4:], uint32(len(alone)-8))
			var err error
			if w.first, err = webp.Decode(bytes.NewReader(alone)); err != nil {
				t.Fatal(err)
			}
		}
		rest = rest[8+size+size%2:]
	}
	if w.first == nil {
		t.Fatal("the WebP is not animated")
	}
	return w
}
