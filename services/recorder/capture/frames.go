package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
)

const (
	// moving is after how many damaged frames in a row pictures are taken without looking for
	// damage first.
	moving = 3
	// resting is after how many equal pictures in a row damage is looked for again.
	resting = 2
	// blankTries is how often frame 0 is drawn while there is no picture yet.
	blankTries = 100
	// lazyDraws is how often it is drawn anew because drawing it made the page ask for more.
	lazyDraws = 4
)

// frames captures every frame into the sink.
func (s *scene) frames(ctx context.Context) error {
	if err := s.act(ctx, 0); err != nil {
		return err
	}
	start, err := s.firstFrame(ctx)
	if err != nil {
		return err
	}
	s.progress(1)
	probing, run := true, 0
	for n := 1; n < s.Frames; n++ {
		var seen glance
		if probing && run == 0 {
			if n, seen, err = s.stride(ctx, start, n); err != nil {
				return err
			}
			if n == s.Frames {
				break
			}
		}
		if !seen.drawn {
			if err := s.come(ctx, start, n); err != nil {
				return err
			}
		}
		changed, err := s.frame(ctx, seen, probing || s.workers.Any() || s.seeks.recently > 0)
		if err != nil {
			return err
		}
		if changed {
			s.reach = 0
			s.rest.changed()
		}
		// run counts damaged frames while probing, equal ones while not.
		if changed == probing {
			run++
		} else {
			run = 0
		}
		if probing && run == moving || !probing && run == resting {
			probing, run = !probing, 0
		}
		s.progress(n + 1)
	}
	return nil
}

// come lets the page come to frame n.
func (s *scene) come(ctx context.Context, start micros, n int) error {
	s.seeks.recently--
	if err := s.advance(ctx, start+frameTime(s.Rate, n)); err != nil {
		return err
	}
	due := s.due(n)
	if err := s.act(ctx, n); err != nil {
		return err
	}
	if due && s.isAhead() { // what was done is to be seen
		if err := s.clock.advance(ctx, s.clock.elapsed+grain); err != nil {
			return err
		}
	}
	_, err := s.awaitSeeks(ctx)
	return err
}

// isAhead reports whether no time has passed since a frame was drawn: answers have taken Chrome's
// clock further than the frame's time.
func (s *scene) isAhead() bool { return s.clock.ticks(s.clock.elapsed) <= s.lastTicks }

// advance lets time pass until to. What the page asks for meanwhile may make Chrome's clock go
// further.
func (s *scene) advance(ctx context.Context, to micros) error {
	if s.images != nil {
		if err := s.images.Await(ctx); err != nil {
			return err
		}
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	if err := s.advanceBesideWorkers(ctx, to); err != nil {
		return err
	}
	return s.catchUp(ctx)
}

// catchUp puts the clock where Chrome's is, if a request began or ended since it was last called,
// or another process shows the page.
func (s *scene) catchUp(ctx context.Context) error {
	if err := s.follow(ctx); err != nil {
		return err
	}
	events := s.requests.Events()
	if events == s.events {
		return nil
	}
	s.events = events
	_, err := s.observe()
	return err
}

// firstFrame captures frame 0: the page a millisecond of its time after it was asked for, with all
// that it has asked for by then. What drawing it makes it ask for (a lazy picture, what an observer
// shows) is waited for too, and costs a millisecond more. It returns the frame's time.
func (s *scene) firstFrame(ctx context.Context) (at micros, err error) {
	for draws := 1; draws <= blankTries; draws++ {
		if err := s.advance(ctx, s.clock.elapsed+millisecond); err != nil {
			return 0, err
		}
		at = s.clock.elapsed
		asked := s.requests.Begun()
		if _, _, err := s.beginFrame(ctx, at, false); err != nil {
			return 0, err
		}
		if time.Since(s.loading) < s.Bounds.Load {
			if err := s.settle(ctx); err != nil {
				return 0, err
			}
		}
		if s.requests.Begun() > asked && draws <= lazyDraws {
			continue
		}
		if _, err := s.awaitSeeks(ctx); err != nil {
			return 0, err
		}
		picture, _, err := s.beginFrame(ctx, at, true)
		if err != nil {
			return 0, err
		}
		if len(picture) > 0 {
			_, err := s.sink.Frame(picture)
			return at, err
		}
	}
	return 0, pageerror.Timeout("the page did not paint")
}

// glance is what is known of a frame before its picture is taken.
type glance struct {
	// drawn says that it was drawn once, damaged that it is another than the one before then.
	drawn, damaged bool
}

// frame captures one frame at the clock's time and reports whether its picture is another than the
// last; with probe, or when it was drawn already, only if it may be. Chrome draws no more than
// twice at one time: a third call hangs. So while its clock is ahead of the frames, they look as
// the last one does.
func (s *scene) frame(ctx context.Context, seen glance, probe bool) (changed bool, err error) {
	if !seen.drawn && s.isAhead() {
		return false, s.sink.Repeat()
	}
	if probe && !seen.drawn {
		seen.drawn = true
		if _, seen.damaged, err = s.beginFrame(ctx, s.clock.elapsed, false); err != nil {
			return false, err
		}
	}
	if seen.drawn {
		sought, err := s.awaitSeeks(ctx)
		if err != nil {
			return false, err
		}
		if !seen.damaged && !sought {
			return false, s.sink.Repeat()
		}
	}
	picture, _, err := s.beginFrame(ctx, s.clock.elapsed, true)
	if err == nil && len(picture) == 0 && !seen.drawn {
		picture, _, err = s.beginFrame(ctx, s.clock.elapsed, true)
	}
	if err != nil {
		return false, err
	}
	if len(picture) == 0 {
		// nothing to show, as while another document loads: the last picture stays
		return false, s.sink.Repeat()
	}
	return s.sink.Frame(picture)
}

// beginFrame draws the frame of a time. At one time, the page's own code runs once however often it
// is drawn.
func (s *scene) beginFrame(ctx context.Context, at micros, picture bool) (jpeg []byte, damaged bool, err error) {
	if s.ownFrames() {
		return s.screenshot(ctx, picture)
	}
	for draws := false; !draws; draws = s.anteroom.draw() {
		if err := s.follow(ctx); err != nil {
			return nil, false, err
		}
	}
	defer s.anteroom.done()
	request := s.drawing(s.ticks(at))
	if picture {
		quality := s.Quality
		request.Screenshot = &proto.HeadlessExperimentalScreenshotParams{
			Format: proto.HeadlessExperimentalScreenshotParamsFormatJpeg, Quality: &quality,
		}
	}
	reply, err := s.client.CallRaw(ctx, string(s.page.SessionID), request.ProtoReq(), request)
	if err != nil {
		return nil, false, err
	}
	return reply.Bytes("screenshotData"), reply.Bool("hasDamage"), nil
}

// drawing asks for the frame of a time in Chrome's ticks, without its picture.
func (s *scene) drawing(ticks float64) proto.HeadlessExperimentalBeginFrame {
	interval := 1000 / s.Rate.Float()
	return proto.HeadlessExperimentalBeginFrame{FrameTimeTicks: &ticks, Interval: &interval}
}

// ticks returns the ticks of a frame that is drawn now; they never go back.
func (s *scene) ticks(at micros) float64 {
	s.lastTicks = max(s.clock.ticks(at), s.lastTicks)
	return s.lastTicks
}
