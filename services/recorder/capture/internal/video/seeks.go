package video

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

//go:embed seeks.js
var seeksScript string

const (
	// pollEvery is how long in real time a video that seeks is left alone between two checks.
	pollEvery = time.Millisecond
	// firstPicture bounds how long one Await takes for the first picture of a video, in real time.
	firstPicture = time.Second
	// recentFrames is for how many frames after a seek another is expected, which the page may ask
	// for as it is drawn.
	recentFrames = 30
)

// Seeks waits for the videos of one page that seek, and for the first pictures of videos. They are
// decoded in real time, while frames may follow one another faster than that.
type Seeks struct {
	requests *requests.Tracker
	world    *world.World
	// run runs the page's tasks, without page time.
	run func(context.Context) error
	// each bounds how long one Await takes, left is how long all of them still may that reach it.
	each, left time.Duration

	// asked is how many requests there were when videos were last looked for: what a video shows
	// has been requested, by the video or by a script.
	asked int
	// videos says that there are any.
	videos bool
	// recent is for how many more frames another seek is expected.
	recent int
}

// NewSeeks returns the Seeks of a page. run runs the page's tasks without letting page time pass;
// each bounds how long one Await takes, total how long all of them take that reach that bound.
func NewSeeks(r *requests.Tracker, w *world.World, run func(context.Context) error, each, total time.Duration) *Seeks {
	return &Seeks{requests: r, world: w, run: run, each: each, left: total}
}

// None reports whether the page has no video that could seek now. Any goroutine may call it while
// none calls another method.
func (s *Seeks) None() bool {
	return !s.videos && s.recent <= 0 && !s.requests.Media() && s.requests.Begun() == s.asked
}

// Recent reports whether a seek is expected, after one in the last frames.
func (s *Seeks) Recent() bool { return s.recent > 0 }

// NextFrame is called before each frame.
func (s *Seeks) NextFrame() { s.recent-- }

// Await waits until no video seeks and no first picture is missing, within its bounds. It reports
// whether one did, or was, since it was last called. No page time passes.
func (s *Seeks) Await(ctx context.Context) (sought bool, err error) {
	asked := s.requests.Begun()
	again := asked != s.asked
	// A video that was requested may come into the document later.
	if !s.videos && !again && !s.requests.Media() || s.left <= 0 {
		return false, nil
	}
	defer func() {
		if sought {
			s.recent = recentFrames
		}
	}()
	giveUp := false
	for begin := time.Now(); ; again = false {
		var state *struct{ Seeks, Begins, Sought bool }
		err := s.world.Evaluate(fmt.Sprintf("(%s)(%t, %t)", seeksScript, again, giveUp), &state)
		if cdp.Gone(err) {
			return sought, nil // another document is on its way
		}
		if err != nil {
			return sought, fmt.Errorf("check whether a video seeks: %w", err)
		}
		s.asked, s.videos = asked, state != nil
		if state == nil {
			return sought, nil
		}
		sought = sought || state.Seeks || state.Begins || state.Sought
		if !state.Seeks && !state.Begins {
			return sought, nil
		}
		waited, bound := time.Since(begin), min(firstPicture, s.each)
		giveUp = state.Begins && waited > bound
		switch {
		case giveUp:
			s.left -= bound
		case waited > s.each:
			s.left -= s.each
			return sought, nil
		}
		if err := clock.Sleep(ctx, pollEvery); err != nil {
			return sought, err
		}
		// A task of the page's hands the decoded picture to the video.
		if err := s.run(ctx); err != nil {
			return sought, err
		}
	}
}
