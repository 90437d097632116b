package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/animations"
	clk "github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// takeOver sets up a page of a Chrome that draws frames when it sees fit: a viewport of the scene's
// size and, on a virtual clock, animations that follow that clock.
func (s *scene) takeOver(ctx context.Context) (err error) {
	if err := s.fitWindow(ctx); err != nil {
		return fmt.Errorf("set the viewport's size: %w", err)
	}
	if s.Mode != msg.ModeVirtual {
		return nil
	}
	s.animations, err = animations.Stop(s.client, s.page)
	return err
}

// fitWindow makes the window so large that the viewport has the scene's size: a whole Chrome keeps
// a part of it for itself. Emulation.setDeviceMetricsOverride would be simpler, but then one
// screenshot in twenty never came.
func (s *scene) fitWindow(ctx context.Context) error {
	for range windowTries {
		layout, err := proto.PageGetLayoutMetrics{}.Call(s.page)
		if err != nil {
			return err
		}
		missing := [2]int{s.Width - layout.CSSLayoutViewport.ClientWidth, s.Height - layout.CSSLayoutViewport.ClientHeight}
		if missing == [2]int{} {
			return nil
		}
		window, err := proto.BrowserGetWindowForTarget{TargetID: s.page.TargetID}.Call(s.page)
		if err != nil {
			return err
		}
		width, height := s.Width+missing[0], s.Height+missing[1]
		if b := window.Bounds; b.Width != nil && b.Height != nil {
			width, height = *b.Width+missing[0], *b.Height+missing[1]
		}
		bounds := proto.BrowserSetWindowBounds{WindowID: window.WindowID, Bounds: &proto.BrowserBounds{Width: &width, Height: &height}}
		if err := bounds.Call(s.page); err != nil {
			return err
		}
		if err := clk.Sleep(ctx, windowPause); err != nil { // the page learns of it later
			return err
		}
	}
	return proto.EmulationSetDeviceMetricsOverride{Width: s.Width, Height: s.Height}.Call(s.page)
}

// A window may have bounds of its own, so fitWindow gives up after so many tries.
const (
	windowTries = 10
	windowPause = 50 * time.Millisecond
)

// screenshots captures every frame into the sink: a frame's time is granted, then the page is taken
// as it stands. Chrome does not tell damage, so every frame is taken; equal pictures are the sink's
// to find.
func (s *scene) screenshots(ctx context.Context) error {
	start := s.clock.elapsed + millisecond
	for n := range s.Frames {
		if err := s.advance(ctx, start+frameTime(s.Rate, n)); err != nil {
			return err
		}
		if err := s.act(ctx, n); err != nil {
			return err
		}
		if _, err := s.awaitSeeks(ctx); err != nil {
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

// screenshot stands in for beginFrame where Chrome draws frames when it sees fit: it moves the
// page's animations to its time and takes it as it is then. Nothing is known of damage.
func (s *scene) screenshot(ctx context.Context, picture bool) (jpeg []byte, damaged bool, err error) {
	if ticks := s.clock.ticks(s.clock.elapsed); s.animations != nil && ticks != s.lastTicks {
		s.lastTicks = ticks
		if err := s.animations.Tick(ctx); err != nil {
			return nil, false, err
		}
	}
	if !picture {
		return nil, true, nil
	}
	request := proto.PageCaptureScreenshot{
		Format: proto.PageCaptureScreenshotFormatJpeg, Quality: &s.Quality, OptimizeForSpeed: true,
	}
	reply, err := s.client.CallRaw(ctx, string(s.page.SessionID), request.ProtoReq(), request)
	if err != nil {
		return nil, true, err
	}
	if jpeg = reply.Bytes("data"); len(jpeg) == 0 {
		return nil, true, errors.New("take a screenshot: no picture came")
	}
	return jpeg, true, nil
}
