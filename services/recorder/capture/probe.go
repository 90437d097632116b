package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// ErrNoFrameControl says that a Chrome cannot draw frames on demand: it is not the headless shell.
var ErrNoFrameControl = errors.New("this Chrome cannot draw frames on demand (HeadlessExperimental.beginFrame)")

// Probe draws a frame and returns the browser's name and version, such as "HeadlessChrome/156.0.7977.2". It returns an
// error that wraps ErrNoFrameControl when frames cannot be drawn on demand. The browser is of no further use afterwards.
func Probe(ctx context.Context, b Browser, width, height int) (version string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, b.Kill)()
	s := &scene{
		client: b.Client, sink: discard{}, crashed: func() { cancel(errCrashed) },
		Options: Options{Width: width, Height: height, Rate: msg.FPS(60), Frames: 2, Quality: 90, Bounds: DefaultBounds},
	}
	if err := s.open(ctx); err != nil {
		return "", errors.Join(err, context.Cause(ctx))
	}
	product, err := proto.BrowserGetVersion{}.Call(s.page)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	if err := s.frames(ctx); err != nil {
		return product.Product, fmt.Errorf("%w: %w", ErrNoFrameControl, err)
	}
	return product.Product, nil
}

// discard is a sink that keeps nothing.
type discard struct{}

func (discard) Frame([]byte) (bool, error) { return true, nil }
func (discard) Repeat() error              { return nil }
