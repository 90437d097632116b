package transcoder

import (
	"math"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
)

const testWidth, testHeight = 320, 180

func TestAFrameThatIsStoredOnceLastsUntilTheNext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(60), 200
	// The last picture lasts for 100 frames.
	shown := func(n int) int {
		switch {
		case n >= 100:
			return 100
		case n >= 17:
			return 17 + (n-17)/5*5
		}
		return 0
	}
	scene := mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Bars, func(n int) bool { return shown(n) == n })
	b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, msg.RecordFacts{})}, msg.Segment)
	segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
	if len(segment.Frames) != count {
		t.Fatalf("%d frames, want %d", len(segment.Frames), count)
	}
	for n := range count {
		if got := segment.ReadBars(n); got != shown(n) {
			t.Errorf("frame %d shows %d, want %d", n, got, shown(n))
		}
	}
}

func TestColoursSurvive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	patches := [][3]byte{
		{0, 0, 0}, {255, 255, 255}, {128, 128, 128}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 0}, {0, 255, 255},
		{255, 0, 255}, {200, 60, 40}, {30, 90, 160}, {240, 200, 170}, {25, 30, 35}, {250, 250, 245}, {99, 102, 241}, {16, 185, 129},
	}
	const size = 80 // 4 × 4 patches
	paint := func(_ int, rgb []byte, width, height int) {
		for y := range height {
			for x := range width {
				p := patches[y/size*4+x/size]
				copy(rgb[3*(y*width+x):], p[:])
			}
		}
	}
	scene := mediatest.Mezzanine(t, msg.FPS(24), 3, 4*size, 4*size, paint, nil)
	b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: 4 * size, Height: 4 * size, Rate: msg.FPS(24), Frames: 3},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, msg.RecordFacts{})}, msg.Segment)
	segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), 4*size, 4*size)
	for i, p := range patches {
		got := segment.RGB(1, i%4*size+size/2, i/4*size+size/2)
		for c := range 3 {
			if math.Abs(got[c]-float64(p[c])) > 2.5 { // 2, and half of one for rounding
				t.Errorf("patch %v came out as %.1f", p, got)
				break
			}
		}
	}
}

func TestTheBubbleIsRoundAndAtTheLowerLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const width, height = 640, 360
	white := func(_ int, rgb []byte, _, _ int) {
		for i := range rgb {
			rgb[i] = 200
		}
	}
	face, _ := b.probed(t, mediatest.Facecam(t, msg.FPS(30), 30, 90, 160, nil))
	scene := mediatest.Mezzanine(t, msg.FPS(30), 4, width, height, white, nil)
	b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: width, Height: height, Rate: msg.FPS(30), Frames: 4, Facecam: true},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment)
	segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), width, height)
	p := usual(width, height)
	radius := p.Width / 2
	x, y := p.X+radius, p.Y+radius
	if p.Width < height/5 || p.Width > height/4 {
		t.Errorf("the face is %d pixels of %d", p.Width, height)
	}
	if x > width/4 || y < 3*height/4-radius/2 {
		t.Errorf("the face is at %d, %d of %d × %d", x, y, width, height)
	}
	const background, facecam = 188, 42 // limited-range luma of greys 200 and 30
	for _, point := range []struct {
		name string
		x, y int
		want float64
	}{
		{"centre", x, y, facecam},
		{"inside, left", x - radius + 6, y, facecam},
		{"inside, top", x, y - radius + 6, facecam},
		{"corner of the square", x - radius + 4, y - radius + 4, background},
		{"far right", width - 20, y, background},
		{"above", x, y - 2*radius, background},
	} {
		if got := segment.Luma(0, point.x, point.y, 2); math.Abs(got-point.want) > 6 {
			t.Errorf("%s: brightness %.0f, want %.0f", point.name, got, point.want)
		}
	}
	if got := segment.Luma(0, x, y-radius-1, 1); got < 190 {
		t.Errorf("ring: brightness %.0f, want white", got)
	}
}

func TestAWrongFrameCountIsAnError(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	scene := mediatest.Mezzanine(t, msg.FPS(24), 10, testWidth, testHeight, mediatest.Bars, nil)
	_, err := b.run(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 0},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment)
	if err == nil || !strings.Contains(err.Error(), "no video track") {
		t.Errorf("a segment of no frames ended with %v", err)
	}
}

// The encoder repeats the last picture until there are enough frames, so missing ones would not
// show.
func TestAMezzanineThatIsTooShortIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, rate := range []msg.Rate{msg.FPS(24), {Num: 30000, Den: 1001}, msg.FPS(120)} {
		run := func(first, next int) error {
			still := func(n int) bool { return n < 3 }
			_, err := b.run(t, msg.Normalize,
				msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: 12, Crossfade: true},
				map[string]msg.Input{
					msg.Mezzanine:     b.input(t, "m", mediatest.Mezzanine(t, rate, first, testWidth, testHeight, mediatest.Bars, still), nil),
					msg.MezzanineNext: b.input(t, "n", mediatest.Mezzanine(t, rate, next, testWidth, testHeight, mediatest.Bars, still), nil),
				}, msg.Segment)
			return err
		}
		if err := run(12, 12); err != nil {
			t.Errorf("%s fps: %v", rate, err)
		}
		for name, err := range map[string]error{picture.MezzanineFile: run(11, 12), picture.NextFile: run(12, 11)} {
			if err == nil || !strings.Contains(err.Error(), name+" lasts ") {
				t.Errorf("%s fps, a frame is missing in %s: %v", rate, name, err)
			}
		}
	}
}
