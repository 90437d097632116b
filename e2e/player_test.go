package e2e

import (
	"image"
	"testing"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// A user who steps through a video frame by frame, in a browser, sees each frame, also at the joins
// of pieces and of scenes, which are keyframes as well.
func TestChromeStepsThroughAVideoFrameByFrame(t *testing.T) {
	p := rig.Usual(t)
	// Three seconds are recorded in two pieces.
	c := rig.Campaign{Width: width, Height: height, FPS: fps, Scenes: []rig.Scene{
		{URL: p.Site.Page(colors[0].name, fps), Seconds: 3}, {URL: p.Site.Page(colors[1].name, fps), Seconds: 1},
	}}
	r := p.Await(t, p.Submit(t, c))
	want := checkDone(t, p, r, c)
	if n := countAttempts(p.Attempts(t, r.ID), "normalize"); n != 3 {
		t.Errorf("the video was joined of %d segments, not 3", n)
	}
	video := rig.Fetch(t, r.VideoURL)
	var times []float64
	for n := range want {
		times = append(times, (float64(n)+0.5)/fps)
	}
	var squares []image.Point
	for bit := range rig.CodeBits {
		squares = append(squares, image.Pt(bit*rig.CodeSize+rig.CodeSize/2, rig.CodeSize/2))
	}
	below := image.Pt(rig.CodeSize, 3*rig.CodeSize)
	shown := rig.Show(t, video, times, append(squares, below))
	if shown.Width != width || shown.Height != height {
		t.Errorf("Chrome shows %d×%d pixels", shown.Width, shown.Height)
	}
	for n, points := range shown.Frames {
		number := 0
		for bit := range squares {
			if points[bit][1] >= 128 {
				number |= 1 << bit
			}
		}
		color := rig.RGB{}
		for i, v := range points[len(squares)] {
			color[i] = byte(v)
		}
		if number != want[n].Number || !color.Near(want[n].Color) {
			t.Errorf("at frame %d Chrome shows the page's frame %d in %v; it is %d in %v", n, number, color, want[n].Number, want[n].Color)
		}
	}
}

func countAttempts(attempts []rig.Attempt, kind string) (n int) {
	for _, a := range attempts {
		if a.Kind == kind {
			n++
		}
	}
	return n
}
