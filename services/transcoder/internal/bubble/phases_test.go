package bubble

import (
	"math"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestAFrameShowsTheSameWhereverItsSegmentStarts(t *testing.T) {
	t.Parallel()
	const total = 200
	moments := []msg.Moment{{From: 0, To: 30, Shrink: 12}, {From: 40, To: 41}, {From: 50, To: 90, Grow: 20, Shrink: 20}, {From: 90, To: 120, Grow: 1},
		{From: 150, To: 200, Grow: 36}}
	type shows struct {
		Action
		progress float64
	}
	frames := func(first, count int) (list []shows) {
		for i, one := range Phases(moments, first, count) {
			if one.From != len(list) || one.To <= one.From {
				t.Fatalf("from frame %d: phase %d is %+v after %d frames", first, i, one, len(list))
			}
			for n := range one.To - one.From {
				list = append(list, shows{one.Action, one.Progress(n)})
			}
		}
		if len(list) != count {
			t.Fatalf("from frame %d: %d frames, want %d", first, len(list), count)
		}
		return list
	}
	whole := frames(0, total)
	for first := range total {
		for n, got := range frames(first, min(37, total-first)) {
			if want := whole[first+n]; got.Action != want.Action || got.Action == Move && math.Abs(got.progress-want.progress) > 1e-9 {
				t.Fatalf("frame %d shows %v in a segment that starts at %d, not %v", first+n, got, first, want)
			}
		}
	}
	for n, want := range map[int]Action{0: Fill, 18: Fill, 19: Move, 29: Move, 30: Rest, 39: Rest, 40: Fill, 41: Rest, 50: Rest, 51: Move,
		69: Move, 70: Fill, 71: Move, 89: Move, 90: Rest, 91: Fill, 119: Fill, 120: Rest, 150: Rest, 151: Move, 186: Fill, 199: Fill} {
		if whole[n].Action != want {
			t.Errorf("frame %d: %v, want %v", n, whole[n].Action, want)
		}
	}
	for n := 151; n < 186; n++ {
		if whole[n].progress <= 0 || whole[n].progress >= 1 || n > 151 && whole[n].progress <= whole[n-1].progress {
			t.Errorf("frame %d is at %.3f of the move, after %.3f", n, whole[n].progress, whole[n-1].progress)
		}
	}
}
