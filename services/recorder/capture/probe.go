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

// Probe captures two frames of an empty page and returns the browser's name and version, such as
// "HeadlessChrome/156.0.7977.2". With msg.ModeExact, its error wraps ErrNoFrameControl when there
// is a browser that does not do so. The browser is of no further use afterwards.
func Probe(ctx context.Context, b Browser, mode msg.Mode, width, height int) (version string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, b.Kill)()
	s := &scene{
		client: b.Client, sink: discard{}, crashed: func() { cancel(errCrashed) },
		Options: Options{
			Mode: mode, Width: width, Height: height, Rate: msg.FPS(60), Frames: 2, Quality: 90, Bounds: DefaultBounds,
		},
	}
	if err := s.open(ctx); err != nil {
		return "", s.unable(errors.Join(err, context.Cause(ctx)))
	}
	product, err := proto.BrowserGetVersion{}.Call(s.page)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	return product.Product, s.unable(s.capture(ctx))
}

// unable says of an error what it means.
func (s *scene) unable(err error) error {
	if err == nil || s.ownFrames() || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNoFrameControl, err)
}

// discard is a sink that keeps nothing.
type discard struct{}

func (discard) Frame([]byte) (bool, error) { return true, nil }
func (discard) Repeat() error              { return nil }
