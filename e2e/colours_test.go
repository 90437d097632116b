package e2e

import (
	"image"
	"testing"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// known are the colours of a page: primaries and secondaries, greys, skin, and colours of brands.
var known = []rig.RGB{
	{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {0, 255, 255}, {255, 0, 255}, {255, 255, 0}, {0, 0, 0}, {255, 255, 255},
	{16, 16, 16}, {32, 32, 32}, {64, 64, 64}, {96, 96, 96}, {128, 128, 128}, {160, 160, 160}, {192, 192, 192}, {240, 240, 240},
	{255, 224, 196}, {240, 200, 170}, {224, 172, 105}, {198, 134, 66}, {141, 85, 36}, {92, 56, 40}, {60, 36, 28}, {45, 34, 30},
	{99, 91, 255}, {225, 48, 108}, {29, 185, 84}, {255, 153, 0}, {24, 119, 242}, {230, 0, 35}, {74, 21, 75}, {255, 111, 97},
}

// The colours of a page are in the video, for a decoder that follows its tags and in a browser.
func TestColoursComeOutAsTheyAreOnThePage(t *testing.T) {
	p := rig.Usual(t)
	const side, columns = 80, rig.PatchColumns
	rows := len(known) / columns
	c := rig.Campaign{Width: side * columns, Height: side * rows, FPS: fps, Scenes: []rig.Scene{{URL: p.Site.Patches(known), Seconds: 1}}}
	r := p.Await(t, p.Submit(t, c))
	if r.Status != "done" {
		t.Fatalf("render %s is %s: %s: %s", r.ID, r.Status, r.ErrorCode, r.ErrorMessage)
	}
	video := rig.Fetch(t, r.VideoURL)
	var middles []image.Point
	for i := range known {
		middles = append(middles, image.Pt(i%columns*side+side/2, i/columns*side+side/2))
	}
	const frame = 5
	for i, got := range rig.Colors(t, video, c, frame, middles) {
		near(t, "decoded by FFmpeg", known[i], [3]int{int(got[0]), int(got[1]), int(got[2])})
	}
	shown := rig.Show(t, video, []float64{(frame + 0.5) / fps}, middles)
	for i, got := range shown.Frames[0] {
		near(t, "shown by Chrome", known[i], got)
	}
}

// near checks that a colour is within 2 of 255 of another.
func near(t *testing.T, how string, want rig.RGB, got [3]int) {
	t.Helper()
	for i := range want {
		if d := got[i] - int(want[i]); d < -2 || d > 2 {
			t.Errorf("%s, %v is %v", how, want, got)
			return
		}
	}
}
