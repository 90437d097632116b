package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/images"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/overrides"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/video"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// moving is after how many damaged frames in a row pictures are taken without looking for
	// damage first.
	moving = 3
	// resting is after how many equal pictures in a row damage is looked for again.
	resting = 2
	// blankTries is how often frame 0 is drawn while there is no picture yet.
	blankTries = 100
	// lazyDraws is how often it is drawn once more because drawing it made the page request more.
	lazyDraws = 4
)

// exact captures frames that Chrome draws on demand, each at its time on the page's virtual clock.
type exact struct {
	*virtualTime
	*sequence
	client   *cdp.Client
	page     *rod.Page
	requests *requests.Tracker
	seeks    *video.Seeks
	bounds   Bounds
	quality  int

	reach int // of the next stride, in frames; 0 after a change
	rest  rest
}

func newExact(ctx context.Context, browser *rod.Browser, c conditions) (*exact, *tab, error) {
	target, err := createTarget(browser, true, c.Width, c.Height)
	if err != nil {
		return nil, nil, err
	}
	muting, err := attach(browser, target)
	if err != nil {
		return nil, nil, err
	}
	if err := video.Mute(ctx, c.client, muting); err != nil {
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
	seeks := video.NewSeeks(t.requests, t.world, vt.clock.Run, c.Bounds.Request, c.Bounds.Requests)
	return &exact{
		virtualTime: vt, sequence: c.sequence, client: c.client, page: t.page, requests: t.requests, seeks: seeks,
		bounds: c.Bounds, quality: c.Quality, rest: rest{report: c.still},
	}, t, nil
}

// prepare keeps canvases from bypassing the compositor, and page time from passing while images are
// decoded.
func (m *exact) prepare() (err error) {
	if err := overrides.Canvas(m.page); err != nil {
		return err
	}
	m.images, err = images.Watch(m.client, m.page, m.clock.Run, m.bounds.Request, m.bounds.Requests)
	return err
}

func (m *exact) observes() (text, sound bool) { return true, true }

func (m *exact) pass(ctx context.Context, d time.Duration) error {
	return m.virtualTime.pass(ctx, d, func(ctx context.Context) error {
		_, _, err := m.draw(ctx, m.clock.Elapsed(), false)
		return err
	})
}

func (m *exact) last(ctx context.Context) (jpeg []byte, err error) {
	if err := m.skip(ctx); err != nil {
		return nil, err
	}
	return lastOf(func() ([]byte, error) {
		picture, _, err := m.draw(ctx, m.clock.Elapsed(), true)
		return picture, err
	})
}

func (m *exact) capture(ctx context.Context) error {
	if err := m.direct(ctx, m.page, m.loader, 0); err != nil {
		return err
	}
	start, err := m.firstFrame(ctx)
	if err != nil {
		return err
	}
	m.took(1)
	probing, run := true, 0
	for n := 1; n < m.frames; n++ {
		var known damage
		if probing && run == 0 {
			if n, known, err = m.stride(ctx, start, n); err != nil {
				return err
			}
			if n == m.frames {
				break
			}
		}
		if !known.drawn {
			if err := m.comeTo(ctx, start, n); err != nil {
				return err
			}
		}
		changed, err := m.frame(ctx, known, probing || m.workers.Any() || m.seeks.Recent())
		if err != nil {
			return err
		}
		if changed {
			m.reach = 0
			m.rest.changed()
		}
		// run counts damaged frames while probing, equal ones while not.
		if changed == probing {
			run++
		} else {
			run = 0
		}
		if probing && run == moving || !probing && run == resting {
			probing, run = !probing, 0
		}
		m.took(n + 1)
	}
	return nil
}

// comeTo lets time pass until frame n, and the director act.
func (m *exact) comeTo(ctx context.Context, start clock.Micros, n int) error {
	m.seeks.NextFrame()
	if err := m.advance(ctx, start+clock.OfFrame(m.rate, n)); err != nil {
		return err
	}
	due := m.due(n)
	if err := m.direct(ctx, m.page, m.loader, n); err != nil {
		return err
	}
	if due && m.isAhead() { // the frame must show what the director did
		if err := m.clock.Advance(ctx, m.clock.Elapsed()+clock.Grain); err != nil {
			return err
		}
	}
	_, err := m.seeks.Await(ctx)
	return err
}

// firstFrame delivers frame 0: the page a millisecond of its time after it was requested, with all
// that it has requested by then. What drawing it makes the page request (a lazy picture, what an
// observer shows) is waited for too, and costs a millisecond more. It returns the frame's time.
func (m *exact) firstFrame(ctx context.Context) (at clock.Micros, err error) {
	for draws := 1; draws <= blankTries; draws++ {
		if err := m.advance(ctx, m.clock.Elapsed()+clock.Millisecond); err != nil {
			return 0, err
		}
		at = m.clock.Elapsed()
		requested := m.requests.Begun()
		if _, _, err := m.draw(ctx, at, false); err != nil {
			return 0, err
		}
		if err := m.loader.Settle(ctx); err != nil {
			return 0, err
		}
		if m.requests.Begun() > requested && draws <= lazyDraws {
			continue
		}
		if _, err := m.seeks.Await(ctx); err != nil {
			return 0, err
		}
		picture, _, err := m.draw(ctx, at, true)
		if err != nil {
			return 0, err
		}
		if len(picture) > 0 {
			_, err := m.sink.Frame(picture)
			return at, err
		}
	}
	return 0, pageerror.Timeout("the page did not paint")
}

// damage is what is known of a frame before its picture is taken.
type damage struct {
	// drawn says that it was drawn once, damaged that it differs from the frame before.
	drawn, damaged bool
}

// frame delivers the frame of the clock's time and reports whether its picture is new. With probe,
// or when the frame was drawn already, the picture is taken only if it may be new. Chrome draws no
// more than twice at one time: a third call hangs. So while its clock is ahead of the frames, they
// repeat the last one.
func (m *exact) frame(ctx context.Context, known damage, probe bool) (changed bool, err error) {
	if !known.drawn && m.isAhead() {
		return false, m.sink.Repeat()
	}
	if probe && !known.drawn {
		known.drawn = true
		if _, known.damaged, err = m.draw(ctx, m.clock.Elapsed(), false); err != nil {
			return false, err
		}
	}
	if known.drawn {
		sought, err := m.seeks.Await(ctx)
		if err != nil {
			return false, err
		}
		if !known.damaged && !sought {
			return false, m.sink.Repeat()
		}
	}
	picture, _, err := m.draw(ctx, m.clock.Elapsed(), true)
	if err == nil && len(picture) == 0 && !known.drawn {
		picture, _, err = m.draw(ctx, m.clock.Elapsed(), true)
	}
	if err != nil {
		return false, err
	}
	if len(picture) == 0 {
		// Nothing to show, as while another document loads: the last picture stays.
		return false, m.sink.Repeat()
	}
	return m.sink.Frame(picture)
}

// draw draws the frame of a time. At one time, the page's own code runs once however often it is
// drawn.
func (m *exact) draw(ctx context.Context, at clock.Micros, picture bool) (jpeg []byte, damaged bool, err error) {
	for ready := false; !ready; ready = m.swapper.BeginFrame() {
		if err := m.loader.Follow(ctx); err != nil {
			return nil, false, err
		}
	}
	defer m.swapper.EndFrame()
	request := m.drawing(m.ticks(at))
	if picture {
		request.Screenshot = &proto.HeadlessExperimentalScreenshotParams{
			Format: proto.HeadlessExperimentalScreenshotParamsFormatJpeg, Quality: &m.quality,
		}
	}
	reply, err := m.client.CallRaw(ctx, string(m.page.SessionID), request.ProtoReq(), request)
	if err != nil {
		return nil, false, err
	}
	return reply.Bytes("screenshotData"), reply.Bool("hasDamage"), nil
}

// drawing is the call that draws the frame of a time in Chrome's ticks, without its picture.
func (m *exact) drawing(ticks float64) proto.HeadlessExperimentalBeginFrame {
	interval := 1000 / m.rate.Float()
	return proto.HeadlessExperimentalBeginFrame{FrameTimeTicks: &ticks, Interval: &interval}
}
