package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// mode is how a page is captured: exact, virtual or realtime.
type mode interface {
	// prepare sets up the page's documents from the next one on.
	prepare() error
	// pass lets page time pass, its frames drawn but not delivered.
	pass(ctx context.Context, d time.Duration) error
	// capture delivers all frames.
	capture(ctx context.Context) error
	// observes reports what may be asked of the page besides: its text, since page time stands
	// still meanwhile, and whether it plays sound, which is all that may make its videos inexact.
	observes() (text, sound bool)
	// last returns the page's picture as a JPEG, after a moment of page time; nil if there is none
	// yet. It is called only when the capture has failed.
	last(ctx context.Context) (jpeg []byte, err error)
}

// Frames is when a browser must draw for a mode of capture.
func Frames(mode msg.Mode) chrome.Frames {
	switch mode {
	case msg.ModeVirtual:
		return chrome.FramesForScreenshots
	case msg.ModeRealtime:
		return chrome.FramesInRealtime
	}
	return chrome.FramesOnDemand
}

// conditions are what a mode is made of, besides the browser.
type conditions struct {
	*Options
	*sequence
	client  *cdp.Client
	still   func(bool) // may be nil
	crashed func()     // called when the page's process has died
}

// open opens an empty page in a browser that shows nothing else, set up for its mode of capture.
func open(ctx context.Context, b Browser, o *Options, q *sequence, crashed func()) (mode, *tab, error) {
	browser := rod.New().Context(ctx).Client(b.Client.Rod(ctx)).NoDefaultDevice()
	if err := connect(browser); err != nil {
		return nil, nil, err
	}
	c := conditions{Options: o, sequence: q, client: b.Client, still: b.Still, crashed: crashed}
	switch o.Mode {
	case msg.ModeVirtual:
		return newVirtual(ctx, browser, c)
	case msg.ModeRealtime:
		return newRealtime(ctx, browser, c)
	}
	return newExact(ctx, browser, c)
}
