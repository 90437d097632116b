package capture

import (
	"context"

	"github.com/go-rod/rod/lib/proto"
)

const (
	// moving is after how many damaged frames in a row pictures are taken without looking for damage first.
	moving = 3
	// resting is after how many equal pictures in a row damage is looked for again.
	resting = 2
	// blankTries is how often frame 0 is asked for again when there is no picture yet.
	blankTries = 100
)

// frames captures every frame into the sink.
func (s *scene) frames(ctx context.Context) error {
	if err := s.act(ctx, 0); err != nil {
		return err
	}
	if err := s.firstFrame(ctx); err != nil {
		return err
	}
	s.progress(1)
	probing, run := true, 0
	for n := 1; n < s.Frames; n++ {
		if err := s.clock.grant(ctx, frameTime(s.Rate, n)-frameTime(s.Rate, n-1)); err != nil {
			return err
		}
		if err := s.act(ctx, n); err != nil {
			return err
		}
		changed, err := s.frame(ctx, probing || s.workers.Load() > 0)
		if err != nil {
			return err
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

// firstFrame captures frame 0. A page that has not painted yet is given a little time until it has.
func (s *scene) firstFrame(ctx context.Context) error {
	for range blankTries {
		if _, _, err := s.beginFrame(ctx, false); err != nil {
			return err
		}
		picture, _, err := s.beginFrame(ctx, true)
		if err != nil {
			return err
		}
		if len(picture) > 0 {
			_, err := s.sink.Frame(picture)
			return err
		}
		if err := s.clock.grant(ctx, loadStep); err != nil {
			return err
		}
	}
	return timeoutError("the page did not paint")
}

// frame captures one frame at the clock's time and reports whether its picture is another than the last.
func (s *scene) frame(ctx context.Context, probe bool) (changed bool, err error) {
	if probe {
		_, damaged, err := s.beginFrame(ctx, false)
		if err != nil {
			return false, err
		}
		if !damaged {
			return false, s.sink.Repeat()
		}
	}
	picture, _, err := s.beginFrame(ctx, true)
	if err == nil && len(picture) == 0 {
		picture, _, err = s.beginFrame(ctx, true)
	}
	if err != nil {
		return false, err
	}
	if len(picture) == 0 {
		return false, s.sink.Repeat() // nothing to show, as while another document loads: the last picture stays
	}
	return s.sink.Frame(picture)
}

// beginFrame draws the frame at the clock's time. At one time, the page's own code runs once however often it is drawn.
func (s *scene) beginFrame(ctx context.Context, picture bool) (jpeg []byte, damaged bool, err error) {
	if s.ownFrames() {
		return s.screenshot(ctx, picture)
	}
	ticks := max(s.clock.ticks(), s.lastTicks)
	s.lastTicks = ticks
	interval := 1000 / s.Rate.Float()
	request := proto.HeadlessExperimentalBeginFrame{FrameTimeTicks: &ticks, Interval: &interval}
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
