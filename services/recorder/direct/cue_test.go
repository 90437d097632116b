package direct

import (
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

func TestActionsFollowOneAnother(t *testing.T) {
	const last = 5 * time.Second
	cues := newCues([]scene.Action{
		{Do: "wait", Seconds: 0.5},
		{Do: "click", Selector: "a", Seconds: 0.8},
		{Do: "type", Text: "ab", At: stageAt(3)},
		{Do: "hover", Selector: "a", Seconds: 2},
	}, last)
	for i, want := range []struct{ start, takes, limit time.Duration }{
		{0, 500 * time.Millisecond, time.Second},
		{500 * time.Millisecond, 800 * time.Millisecond, 1500 * time.Millisecond},
		{3 * time.Second, 0, 4 * time.Second},
		{3 * time.Second, 2 * time.Second, last},
	} {
		c := cues[i]
		if c.start != want.start || c.takes != want.takes || c.limit != want.limit || c.number != i+1 {
			t.Errorf("action %d is %d: %v, %v, %v, want %v", i+1, c.number, c.start, c.takes, c.limit, want)
		}
	}
}

func TestNothingIsDueBeforeItsTime(t *testing.T) {
	y := newTimeline(msg.RecordParams{Frames: 300, Rate: msg.FPS(60), Options: scene.Options{
		Scroll:  &scene.Scroll{To: "end", DelaySeconds: 3, Seconds: 1},
		Actions: []scene.Action{{Do: "click", Selector: "a", At: stageAt(1)}},
	}}, nil)
	due := func(seconds float64) bool { return y.due(time.Duration(seconds * float64(time.Second))) }
	if due(0.9) || !due(1) || !due(2) {
		t.Error("a click is not due from its time on")
	}
	y.cues[0].done = true
	if due(2.9) || !due(3) {
		t.Error("a scroll is not due from its time on")
	}
	if y.fresh = true; !due(2.5) {
		t.Error("a pointer that is not drawn yet is not due")
	}
}

func TestAnActionWaitsForThoseThatEndBeforeItAndOverlapsOthers(t *testing.T) {
	t.Parallel()
	cues := newCues([]scene.Action{
		{Do: "click", Selector: "a", Seconds: 1},
		{Do: "type", Text: "a", At: stageAt(0.5)}, // while the first is under way
		{Do: "press", Key: "Enter", At: stageAt(1)},
	}, 5*time.Second)
	at := func(i int, seconds float64) bool {
		t := time.Duration(seconds * float64(time.Second))
		return ready(cues, i, t-time.Second/60, t)
	}
	if at(1, 0.4) || !at(1, 0.5) {
		t.Error("the second action is not due at its time")
	}
	cues[1].done = true
	if at(2, 1) {
		t.Error("the third action begins before the first has ended")
	}
	cues[0].done = true
	if !at(2, 1.5) || cues[2].began != 1500*time.Millisecond {
		t.Errorf("the third action began at %v, want 1.5s, late", cues[2].began)
	}
}

func TestWhatIsDueBetweenTwoFramesIsShownByTheSecond(t *testing.T) {
	for _, test := range []struct {
		at, t time.Duration
		want  bool
	}{
		{500 * time.Millisecond, 500 * time.Millisecond, true},
		{499 * time.Millisecond, 500 * time.Millisecond, false},
		// frame times are cut to tenths of a millisecond
		{33300 * time.Microsecond, 33333333 * time.Nanosecond, true},
	} {
		if got := due(test.at, test.t); got != test.want {
			t.Errorf("due(%v, %v) is %v", test.at, test.t, got)
		}
	}
	if p := progress(time.Second, 500*time.Millisecond, 2*time.Second); p != 0.25 {
		t.Errorf("progress is %v, want a quarter", p)
	}
	if p := progress(time.Second, time.Second, 0); p != 1 {
		t.Errorf("progress of what takes no time is %v, want 1", p)
	}
}

// Still pages are captured at a thousand frames a second: a frame with nothing due must not ask the
// browser anything.
func TestNothingIsAskedOfThePageWhenNothingIsDue(t *testing.T) {
	d := New(msg.RecordParams{Rate: msg.FPS(60), Frames: 300, Options: scene.Options{
		Scroll:  &scene.Scroll{To: "end", DelaySeconds: 2, Seconds: 1},
		Actions: []scene.Action{{Do: "wait", Seconds: 2}, {Do: "click", Selector: "a"}},
	}})
	for n := range 120 {
		// without a page, asking panics
		if err := d.Frame(t.Context(), nil, stageFrame(n)); err != nil {
			t.Fatal(err)
		}
	}
}
