package capture

import (
	"context"
	"errors"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Diagnostics receives what helps to find out why a page failed.
type Diagnostics interface {
	// Opened is called when there is a page, before it is requested. It must leave the page as it
	// is.
	Opened(client *cdp.Client, page *rod.Page) error
	// Picture takes a JPEG of a page that cannot be captured: one that answers 404, say. It is not
	// called when the page cannot be drawn, nor when frames were delivered, which show it.
	Picture(jpeg []byte)
}

const (
	// lastWithin bounds how long a failed page's picture may take, in real time.
	lastWithin = 2 * time.Second
	// lastTime is how much page time passes first: what has come is parsed and laid out in it.
	lastTime = 200 * clock.Millisecond
)

// show gives the diagnostics the picture of a page that failed with err before frame 0, if Chrome
// can still draw it.
func (s *session) show(ctx context.Context, err error) {
	if s.Diagnostics == nil || ctx.Err() != nil || errors.Is(err, cdp.ErrStalled) || errors.Is(err, cdp.ErrClosed) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastWithin)
	defer cancel()
	// On a busy machine the first may not come.
	for {
		picture, err := s.mode.last(ctx)
		if len(picture) > 0 {
			s.Diagnostics.Picture(picture)
			return
		}
		if err != nil {
			return
		}
	}
}

// lastOf takes two pictures and returns the last that came: the first may only lay the page out.
func lastOf(take func() ([]byte, error)) (jpeg []byte, err error) {
	for range 2 {
		picture, err := take()
		if err != nil {
			return jpeg, err
		}
		if len(picture) > 0 {
			jpeg = picture
		}
	}
	return jpeg, nil
}
