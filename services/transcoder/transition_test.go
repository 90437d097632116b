package transcoder

import (
	"math"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestACrossfadeGoesFromOneSceneToTheNext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const count, from, to = 30, 40, 220
	rate := msg.FPS(60)
	facts := b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Crossfade: true},
		map[string]msg.Input{
			msg.Mezzanine:     b.input(t, "a", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Solid(from), func(n int) bool { return n == 0 }), nil),
			msg.MezzanineNext: b.input(t, "b", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Solid(to), nil), nil),
		}, msg.Segment).(msg.VideoFacts)
	segment := b.store.get(t, "normalize/segment")
	checkTiming(t, segment, rate, count)
	video := mediatest.Decode(t, segment, testWidth, testHeight)
	for n := range count {
		want := from + float64(to-from)*float64(n)/count
		if got := video.RGB(n, testWidth/2, testHeight/2)[0]; math.Abs(got-want) > 4 {
			t.Errorf("frame %d has brightness %.0f, want %.0f", n, got, want)
		}
	}
	if len(facts.Fingerprints) != 2 {
		t.Errorf("facts are %+v", facts)
	}
}

func TestBothScenesMoveInACrossfade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const count = 24
	rate := msg.Rate{Num: 30000, Den: 1001}
	left := func(n int, rgb []byte, width, height int) { greyHalves(n, 0, rgb, width, height) }
	right := func(n int, rgb []byte, width, height int) { greyHalves(0, n, rgb, width, height) }
	b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Crossfade: true},
		map[string]msg.Input{
			msg.Mezzanine:     b.input(t, "a", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, left, nil), nil),
			msg.MezzanineNext: b.input(t, "b", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, right, nil), nil),
		}, msg.Segment)
	video := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
	for n := range count {
		share := float64(n) / count
		for x, want := range map[int]float64{testWidth / 4: 10 * float64(n) * (1 - share), 3 * testWidth / 4: 10 * float64(n) * share} {
			if got := video.RGB(n, x, testHeight/2)[0]; math.Abs(got-want) > 6 {
				t.Errorf("frame %d has brightness %.0f at %d, want %.0f", n, got, x, want)
			}
		}
	}
}

// greyHalves paints both halves of the picture in greys of 10 levels a step.
func greyHalves(left, right int, rgb []byte, width, height int) {
	for y := range height {
		for x := range width {
			v := byte(10 * left)
			if x >= width/2 {
				v = byte(10 * right)
			}
			for c := range 3 {
				rgb[3*(y*width+x)+c] = v
			}
		}
	}
}
