package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
)

// A window may have bounds of its own, so fitWindow gives up after windowTries.
const (
	windowTries = 10
	windowPause = 50 * time.Millisecond
)

// fitWindow gives the window a size at which the viewport has the scene's: a whole Chrome keeps a
// part of the window for itself. Emulation.setDeviceMetricsOverride would be simpler, but with it
// one screenshot in twenty never came.
func fitWindow(ctx context.Context, page *rod.Page, width, height int) error {
	for range windowTries {
		fits, err := resizeWindow(page, width, height)
		if err != nil {
			return fmt.Errorf("set the viewport's size: %w", err)
		}
		if fits {
			return nil
		}
		if err := clock.Sleep(ctx, windowPause); err != nil { // the page is resized later
			return fmt.Errorf("set the viewport's size: %w", err)
		}
	}
	if err := (proto.EmulationSetDeviceMetricsOverride{Width: width, Height: height}).Call(page); err != nil {
		return fmt.Errorf("set the viewport's size: %w", err)
	}
	return nil
}

// resizeWindow reports whether the viewport has a size. If not, it resizes the window by what is
// missing.
func resizeWindow(page *rod.Page, width, height int) (fits bool, err error) {
	layout, err := proto.PageGetLayoutMetrics{}.Call(page)
	if err != nil {
		return false, err
	}
	missing := [2]int{width - layout.CSSLayoutViewport.ClientWidth, height - layout.CSSLayoutViewport.ClientHeight}
	if missing == [2]int{} {
		return true, nil
	}
	window, err := proto.BrowserGetWindowForTarget{TargetID: page.TargetID}.Call(page)
	if err != nil {
		return false, err
	}
	w, h := width+missing[0], height+missing[1]
	if b := window.Bounds; b.Width != nil && b.Height != nil {
		w, h = *b.Width+missing[0], *b.Height+missing[1]
	}
	bounds := proto.BrowserSetWindowBounds{WindowID: window.WindowID, Bounds: &proto.BrowserBounds{Width: &w, Height: &h}}
	return false, bounds.Call(page)
}
