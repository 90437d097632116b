package capture

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// ticker makes a document's animations follow the page's time.
//
//go:embed ticker.js
var ticker string

// tickNow calls what ticker leaves in a document. There is none in a document that was there before.
const tickNow = `globalThis[Symbol.for("loom.tick")]?.()`

// takeOver sets up a page of a Chrome that draws frames when it sees fit: a viewport of the scene's size, of which a whole
// Chrome would keep a part for itself and, on a virtual clock, animations that follow that clock.
func (s *scene) takeOver() error {
	err := proto.EmulationSetDeviceMetricsOverride{Width: s.Width, Height: s.Height, DeviceScaleFactor: 1}.Call(s.page)
	if err != nil {
		return fmt.Errorf("set the viewport's size: %w", err)
	}
	if s.Mode != msg.ModeVirtual {
		return nil
	}
	s.contexts = watchContexts(s.client, s.page.SessionID)
	for _, call := range []interface{ Call(proto.Client) error }{
		proto.RuntimeEnable{}, proto.AnimationEnable{}, proto.AnimationSetPlaybackRate{PlaybackRate: 0},
	} {
		if err := call.Call(s.page); err != nil {
			return fmt.Errorf("stop animations: %w", err)
		}
	}
	if _, err := (proto.PageAddScriptToEvaluateOnNewDocument{Source: ticker}).Call(s.page); err != nil {
		return fmt.Errorf("stop animations: %w", err)
	}
	return nil
}

// screenshots captures every frame into the sink: a frame's time is granted, then the page is taken as it stands. Chrome
// does not tell damage, so every frame is taken; equal pictures are the sink's to find.
func (s *scene) screenshots(ctx context.Context) error {
	for n := range s.Frames {
		if n > 0 {
			if err := s.clock.grant(ctx, frameTime(s.Rate, n)-frameTime(s.Rate, n-1)); err != nil {
				return err
			}
		}
		if err := s.act(ctx, n); err != nil {
			return err
		}
		picture, _, err := s.screenshot(ctx, true)
		if err != nil {
			return err
		}
		if _, err := s.sink.Frame(picture); err != nil {
			return err
		}
		s.progress(n + 1)
	}
	return nil
}

// screenshot stands in for beginFrame where Chrome draws frames when it sees fit: it moves the page's animations to its time
// and takes it as it is then. Nothing is known of damage.
func (s *scene) screenshot(ctx context.Context, picture bool) (jpeg []byte, damaged bool, err error) {
	if ticks := s.clock.ticks(); s.contexts != nil && ticks != s.lastTicks {
		s.lastTicks = ticks
		if err := s.tick(ctx); err != nil {
			return nil, false, err
		}
	}
	if !picture {
		return nil, true, nil
	}
	reply, err := s.takeScreenshot(ctx)
	if err != nil {
		return nil, true, err
	}
	if jpeg = reply.Bytes("data"); len(jpeg) == 0 {
		return nil, true, errors.New("take a screenshot: no picture came")
	}
	return jpeg, true, nil
}

// screenshotTries is how often a screenshot is asked for within the time that Chrome may take for one: now and then, a whole
// Chrome draws nothing for the first.
const screenshotTries = 5

func (s *scene) takeScreenshot(ctx context.Context) (cdp.Raw, error) {
	request := proto.PageCaptureScreenshot{
		Format: proto.PageCaptureScreenshotFormatJpeg, Quality: &s.Quality, OptimizeForSpeed: true,
	}
	for range screenshotTries - 1 {
		try, cancel := context.WithTimeout(ctx, s.client.Deadline/screenshotTries)
		reply, err := s.client.CallRaw(try, string(s.page.SessionID), request.ProtoReq(), request)
		late := try.Err() != nil && ctx.Err() == nil
		cancel()
		if !late {
			return reply, err
		}
	}
	try, cancel := context.WithTimeoutCause(ctx, s.client.Deadline/screenshotTries,
		fmt.Errorf("%w: no screenshot in %s", cdp.ErrStalled, s.client.Deadline))
	defer cancel()
	return s.client.CallRaw(try, string(s.page.SessionID), request.ProtoReq(), request)
}

// tick moves the animations of each of the page's documents to the clock's time.
func (s *scene) tick(ctx context.Context) error {
	for _, id := range s.contexts.all() {
		_, err := proto.RuntimeEvaluate{Expression: tickNow, UniqueContextID: id}.Call(s.page.Context(ctx))
		if errors.Is(err, cdp.ErrStalled) || errors.Is(err, cdp.ErrClosed) || ctx.Err() != nil {
			return fmt.Errorf("move animations: %w", err)
		}
		// Any other error is that the document has gone meanwhile.
	}
	return nil
}
