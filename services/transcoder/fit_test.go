package transcoder

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// Fitted segments have the same parameter sets as others, so that they can be joined.
func TestPicturesOfAnotherSizeAreFitted(t *testing.T) {
	t.Parallel()
	const width, height = testWidth, testHeight
	var plain msg.VideoFacts
	if err := json.Unmarshal(newBench(t).segmentsOf(t, msg.FPS(24), []int{24})[msg.SegmentName(0)].Facts, &plain); err != nil {
		t.Fatal(err)
	}
	red, green, blue, bars := [3]byte{200, 60, 40}, [3]byte{30, 160, 90}, [3]byte{40, 60, 200}, [3]byte{244, 0, 120}
	// Green, with a border: red above and below, blue at the sides.
	paint := func(_ int, rgb []byte, w, h int) {
		for y := range h {
			for x := range w {
				c := green
				switch {
				case y < h/8 || y >= h-h/8:
					c = red
				case x < w/8 || x >= w-w/8:
					c = blue
				}
				copy(rgb[3*(y*w+x):], c[:])
			}
		}
	}
	type point struct {
		x, y int
		want [3]byte
	}
	middle := point{width / 2, height / 2, green}
	for name, c := range map[string]struct {
		width, height int
		how           string
		points        []point
	}{
		// Scaled to 90 × 180 between bars of 114 (115, at an even place) and 116.
		"contain, upright": {160, 320, scene.FitContain, []point{middle, {4, 90, bars}, {108, 90, bars}, {212, 90, bars}, {316, 90, bars},
			{160, 6, red}, {160, 174, red}, {118, 90, blue}, {199, 90, blue}}},
		// Scaled to 320 × 80 between bars of 50.
		"contain, flat": {640, 160, scene.FitContain, []point{middle, {160, 4, bars}, {160, 44, bars}, {160, 136, bars}, {160, 176, bars},
			{160, 54, red}, {160, 125, red}, {10, 90, blue}, {310, 90, blue}}},
		"contain, of the same shape": {640, 360, scene.FitContain, []point{middle, {160, 4, red}, {160, 176, red}, {4, 90, blue}, {316, 90, blue}}},
		// Of 160 × 320 the middle 160 × 90 is seen: nothing red.
		"cover, upright": {160, 320, scene.FitCover, []point{middle, {160, 4, green}, {160, 176, green}, {10, 4, blue}, {310, 176, blue}}},
		// Of 640 × 160 the middle 284 × 160 is seen: nothing blue.
		"cover, flat":   {640, 160, scene.FitCover, []point{middle, {4, 90, green}, {316, 90, green}, {4, 6, red}, {316, 174, red}}},
		"fill, upright": {160, 320, scene.FitFill, []point{middle, {160, 6, red}, {160, 174, red}, {10, 90, blue}, {310, 90, blue}}},
		"odd sizes":     {161, 321, scene.FitContain, []point{middle, {4, 90, bars}, {316, 90, bars}, {160, 6, red}, {199, 90, blue}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			mov := mediatest.Mezzanine(t, msg.FPS(24), 3, c.width, c.height, paint, nil)
			facts := b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: width, Height: height, Rate: msg.FPS(24), Frames: 3,
				Fit: &msg.Fit{Width: c.width - c.width%2, Height: c.height - c.height%2, How: c.how, Background: "#f40078"}},
				map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mov, msg.RecordFacts{})}, msg.Segment).(msg.VideoFacts)
			if facts.Frames != 3 || facts.Parameters != plain.Parameters {
				t.Errorf("facts are %+v, without fit %+v", facts, plain)
			}
			segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), width, height)
			for _, p := range c.points {
				got := segment.RGB(1, p.x, p.y)
				for i := range 3 {
					// the pictures are small, and compressed
					if math.Abs(got[i]-float64(p.want[i])) > 8 {
						t.Errorf("at %d, %d: %.1f, want %v", p.x, p.y, got, p.want)
						break
					}
				}
			}
		})
	}
}
