package facecam_test

import (
	"slices"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestMomentsAreCountedInFrames(t *testing.T) {
	cut := 0.0
	o := facecam.Options{Fullscreen: []facecam.Moment{
		{At: facecam.AtEnd, Seconds: 2}, {At: 4.0, Seconds: 1, Ease: &cut}, {At: facecam.AtStart, Seconds: 3},
	}}
	got := facecam.BubbleOf(o, 1920, 1080, msg.Rate{Num: 30000, Den: 1001}, 300).Fullscreen
	want := []msg.Moment{{From: 0, To: 90, Shrink: 18}, {From: 120, To: 150}, {From: 240, To: 300, Grow: 18}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// At one frame a second there is no time for moves.
	for _, m := range facecam.BubbleOf(facecam.Options{Fullscreen: []facecam.Moment{{At: 1.0, Seconds: 1.2}}}, 1920, 1080, msg.FPS(1), 3).Fullscreen {
		if m.Grow+m.Shrink > m.To-m.From || m.To > 3 {
			t.Errorf("%+v", m)
		}
	}
}
