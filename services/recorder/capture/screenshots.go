package capture

import (
	"context"
	"errors"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/animations"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/video"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// virtual captures screenshots of a Chrome that draws frames when it sees fit, on the page's
// virtual clock.
type virtual struct {
	*virtualTime
	*sequence
	client     *cdp.Client
	page       *rod.Page
	animations *animations.Animations
	seeks      *video.Seeks
	quality    int
}

func newVirtual(ctx context.Context, browser *rod.Browser, c conditions) (*virtual, *tab, error) {
	target, err := createTarget(browser, false, c.Width, c.Height)
	if err != nil {
		return nil, nil, err
	}
	intercepting, err := attach(browser, target)
	if err != nil {
		return nil, nil, err
	}
	t, err := openTab(c.client, browser, target, c.crashed)
	if err != nil {
		return nil, nil, err
	}
	vt, err := startVirtualTime(ctx, t, intercepting, c.Options, c.sequence.began)
	if err != nil {
		return nil, nil, err
	}
	if err := fitWindow(ctx, t.page, c.Width, c.Height); err != nil {
		return nil, nil, err
	}
	stopped, err := animations.Stop(c.client, t.page)
	if err != nil {
		return nil, nil, err
	}
	return &virtual{
		virtualTime: vt, sequence: c.sequence, client: c.client, page: t.page, animations: stopped, quality: c.Quality,
		seeks: video.NewSeeks(t.requests, t.world, vt.clock.Run, c.Bounds.Request, c.Bounds.Requests),
	}, t, nil
}

func (m *virtual) prepare() error { return nil }

// observes reports that sound does not matter: no video is exact in this mode.
func (m *virtual) observes() (text, sound bool) { return true, false }

func (m *virtual) pass(ctx context.Context, d time.Duration) error {
	return m.virtualTime.pass(ctx, d, m.tick)
}

func (m *virtual) last(ctx context.Context) ([]byte, error) {
	if err := m.skip(ctx); err != nil {
		return nil, err
	}
	if err := m.tick(ctx); err != nil {
		return nil, err
	}
	return lastOf(func() ([]byte, error) { return screenshot(ctx, m.client, m.page, m.quality) })
}

// capture lets each frame's time pass, and takes a screenshot of the page. Chrome does not report
// damage to screenshots, so every frame is taken; the sink finds equal pictures.
func (m *virtual) capture(ctx context.Context) error {
	start := m.clock.Elapsed() + clock.Millisecond
	for n := range m.frames {
		if err := m.advance(ctx, start+clock.OfFrame(m.rate, n)); err != nil {
			return err
		}
		if err := m.direct(ctx, m.page, m.loader, n); err != nil {
			return err
		}
		if _, err := m.seeks.Await(ctx); err != nil {
			return err
		}
		if err := m.tick(ctx); err != nil {
			return err
		}
		picture, err := screenshot(ctx, m.client, m.page, m.quality)
		if err != nil {
			return err
		}
		if _, err := m.sink.Frame(picture); err != nil {
			return err
		}
		m.took(n + 1)
	}
	return nil
}

// tick moves the page's animations to its time, if that is another than at the last call.
func (m *virtual) tick(ctx context.Context) error {
	ticks := m.clock.Ticks(m.clock.Elapsed())
	if ticks == m.lastTicks {
		return nil
	}
	m.lastTicks = ticks
	return m.animations.Tick(ctx)
}

// screenshot takes the page as it is, as a JPEG.
func screenshot(ctx context.Context, client *cdp.Client, page *rod.Page, quality int) (jpeg []byte, err error) {
	request := proto.PageCaptureScreenshot{
		Format: proto.PageCaptureScreenshotFormatJpeg, Quality: &quality, OptimizeForSpeed: true,
	}
	reply, err := client.CallRaw(ctx, string(page.SessionID), request.ProtoReq(), request)
	if err != nil {
		return nil, err
	}
	if jpeg = reply.Bytes("data"); len(jpeg) == 0 {
		return nil, errors.New("take a screenshot: no picture came")
	}
	return jpeg, nil
}
