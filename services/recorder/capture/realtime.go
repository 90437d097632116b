package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/load"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// settling is how long the last pictures may take to come after their time.
const settling = 500 * time.Millisecond

// realtime captures in real time: Chrome sends a picture whenever it has drawn one (a screencast),
// and each frame gets the last picture that was drawn by its time. On a machine that is too slow
// for the page, one picture stands for several frames.
type realtime struct {
	*sequence
	client  *cdp.Client
	page    *rod.Page
	loader  *load.Loader
	quality int
}

func newRealtime(ctx context.Context, browser *rod.Browser, c conditions) (*realtime, *tab, error) {
	target, err := createTarget(browser, false, c.Width, c.Height)
	if err != nil {
		return nil, nil, err
	}
	t, err := openTab(c.client, browser, target, c.crashed)
	if err != nil {
		return nil, nil, err
	}
	t.setLoader(c.Options, clock.Real{})
	if err := fitWindow(ctx, t.page, c.Width, c.Height); err != nil {
		return nil, nil, err
	}
	return &realtime{sequence: c.sequence, client: c.client, page: t.page, loader: t.loader, quality: c.Quality}, t, nil
}

func (m *realtime) prepare() error { return nil }

// observes reports that the page is left alone: to ask it something would hold it up. No video is
// exact in this mode.
func (m *realtime) observes() (text, sound bool) { return false, false }

// pass waits: frames are drawn by themselves.
func (m *realtime) pass(ctx context.Context, d time.Duration) error {
	const step = time.Duration(passStep) * time.Microsecond
	for left := d; left > 0; left -= step {
		if err := m.loader.CatchUp(ctx); err != nil {
			return err
		}
		if err := clock.Sleep(ctx, min(left, step)); err != nil {
			return err
		}
	}
	return m.loader.CatchUp(ctx)
}

func (m *realtime) last(ctx context.Context) ([]byte, error) {
	if err := clock.Sleep(ctx, time.Duration(lastTime)*time.Microsecond); err != nil {
		return nil, err
	}
	return lastOf(func() ([]byte, error) { return screenshot(ctx, m.client, m.page, m.quality) })
}

func (m *realtime) capture(ctx context.Context) error {
	cast, err := startScreencast(ctx, m.client, m.page, m.quality)
	if err != nil {
		return err
	}
	defer cast.stop()
	frames := &resampler{rate: m.rate, frames: m.frames, sink: m.sink}
	if err := cast.begin(ctx, frames); err != nil {
		return err
	}
	for n := range m.frames {
		if err := cast.until(ctx, frames.at(n), frames); err != nil {
			return err
		}
		if err := m.direct(ctx, m.page, m.loader, n); err != nil {
			return err
		}
		m.took(n + 1)
	}
	if err := cast.until(ctx, frames.at(m.frames-1).Add(settling), frames); err != nil {
		return err
	}
	return frames.finish()
}
