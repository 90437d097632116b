package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// errNoFrameControl says that a Chrome cannot draw frames on demand: it is not the headless shell.
var errNoFrameControl = errors.New("this Chrome cannot draw frames on demand (HeadlessExperimental.beginFrame)")

// Probe captures two frames of an empty page and returns the browser's name and version, such as
// "HeadlessChrome/156.0.7977.2". The error of a browser that cannot draw frames on demand says so.
// The browser cannot be used afterwards.
func Probe(ctx context.Context, b Browser, mode msg.Mode, width, height int) (version string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, b.Kill)()
	o := &Options{
		Mode: mode, Width: width, Height: height, Rate: msg.FPS(60), Frames: 2, Quality: 90, Bounds: DefaultBounds,
	}
	m, t, err := open(ctx, b, o, newSequence(o, discard{}), func() { cancel(errCrashed) })
	if err != nil {
		return "", unable(mode, errors.Join(err, context.Cause(ctx)))
	}
	product, err := proto.BrowserGetVersion{}.Call(t.page)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	return product.Product, unable(mode, m.capture(ctx))
}

// unable returns the error of a browser that failed in a mode.
func unable(mode msg.Mode, err error) error {
	if err == nil || Frames(mode) != chrome.FramesOnDemand || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", errNoFrameControl, err)
}

// discard is a sink that keeps nothing.
type discard struct{}

func (discard) Frame([]byte) (bool, error) { return true, nil }
func (discard) Repeat() error              { return nil }
