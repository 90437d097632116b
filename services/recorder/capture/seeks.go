package capture

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	clk "github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

//go:embed seeks.js
var seeksScript string

// seekPause is how long in real time a video that seeks is left alone between two looks.
const seekPause = time.Millisecond

// firstPicture bounds how long frames wait in real time for the first picture of a video.
const firstPicture = time.Second

// seekFrames is for how many frames after a seek another is expected, which may be one that the
// page asks for as it is drawn.
const seekFrames = 30

// seeks knows whether videos seek. Their pictures are decoded in real time, while frames may follow
// one another faster than that.
type seeks struct {
	// asked is how many requests there were when videos were last looked for: what a video shows
	// has been asked for, by itself or by a script.
	asked int
	// videos says that there are any.
	videos bool
	// recently is for how many frames more another seek is expected.
	recently int
	// patience is for how long videos may be waited for that do not come to an end.
	patience time.Duration
}

// awaitSeeks waits until no video seeks and no first picture is missing, each for a bounded time, and
// reports whether one did or was since it was last called. No page time passes.
func (s *scene) awaitSeeks(ctx context.Context) (sought bool, err error) {
	asked := s.requests.Begun()
	again := asked != s.seeks.asked
	// One that was asked for may come into the document later.
	if !s.seeks.videos && !again && !s.requests.Media() || s.seeks.patience <= 0 {
		return false, nil
	}
	defer func() {
		if sought {
			s.seeks.recently = seekFrames
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
			return sought, fmt.Errorf("look whether a video seeks: %w", err)
		}
		s.seeks.asked, s.seeks.videos = asked, state != nil
		if state == nil {
			return sought, nil
		}
		sought = sought || state.Seeks || state.Begins || state.Sought
		if !state.Seeks && !state.Begins {
			return sought, nil
		}
		waited, bound := time.Since(begin), min(firstPicture, s.Bounds.Request)
		giveUp = state.Begins && waited > bound
		switch {
		case giveUp:
			s.seeks.patience -= bound
		case waited > s.Bounds.Request:
			s.seeks.patience -= s.Bounds.Request
			return sought, nil
		}
		if err := clk.Sleep(ctx, seekPause); err != nil {
			return sought, err
		}
		// A picture that is decoded reaches the video by a task of the page's.
		if err := s.clock.run(ctx); err != nil {
			return sought, err
		}
	}
}
