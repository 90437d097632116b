package measure

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

const (
	// bareQuality is the recorder's JPEG quality.
	bareQuality = 92
	// bareLoad is how long the page may take to load; blankFrames is how many frames may have no
	// picture before the first one.
	bareLoad    = 30 * time.Second
	blankFrames = 100
)

// bare is the shortest loop that takes a picture of every frame. It does not check, hash or store
// anything, and cannot handle pages that misbehave: it shows what Chrome itself can do.
type bare struct {
	job    Job
	chrome chrome.Options
	policy egress.Policy
}

func newBare(job Job, environ map[string]string) (bare, error) {
	path, err := chrome.Find(environ["CHROME_PATH"])
	if err != nil {
		return bare{}, err
	}
	policy, err := egress.Parse(pagesHost)
	return bare{
		job: job, policy: policy,
		chrome: chrome.Options{
			Path: path, Sandbox: sandbox(environ), Width: job.Width, Height: job.Height, SmallShm: chrome.SmallShm(),
			Preload: chrome.HugePages(environ["RECORDER_HUGE_PAGES"]),
		},
	}, err
}

func (b bare) scene(ctx context.Context, dir string, m marks) (made output, err error) {
	proxy, err := b.policy.Proxy()
	if err != nil {
		return output{}, fmt.Errorf("start the proxy: %w", err)
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	options := b.chrome
	options.Proxy = proxy.Addr()
	browser, err := chrome.Start(options, dir)
	if err != nil {
		return output{}, err
	}
	defer func() { err = errors.Join(err, browser.Close()) }()
	loop := bareLoop{job: b.job, client: browser.Client, expired: make(chan struct{}, 1)}
	if err := loop.open(ctx); err != nil {
		return output{}, fmt.Errorf("open the page: %w", err)
	}
	return loop.frames(ctx, m)
}

// bareLoop is one page that is being captured.
type bareLoop struct {
	job     Job
	client  *cdp.Client
	page    proto.Client
	session string
	expired chan struct{}
	loaded  atomic.Bool
	// base is where virtual time began; elapsed is what was granted since. In milliseconds.
	base, elapsed float64
}

func (l *bareLoop) open(ctx context.Context) error {
	browser := l.client.Within(ctx, l.client.Deadline, "")
	target, err := proto.TargetCreateTarget{
		URL: "about:blank", EnableBeginFrameControl: true, Width: &l.job.Width, Height: &l.job.Height,
	}.Call(browser)
	if err != nil {
		return err
	}
	attached, err := proto.TargetAttachToTarget{TargetID: target.TargetID, Flatten: true}.Call(browser)
	if err != nil {
		return err
	}
	l.page, l.session = l.client.Within(ctx, bareLoad, attached.SessionID), string(attached.SessionID)
	cdp.On(l.client, attached.SessionID, func(*proto.EmulationVirtualTimeBudgetExpired) {
		select {
		case l.expired <- struct{}{}:
		default:
		}
	})
	cdp.On(l.client, attached.SessionID, func(*proto.PageLoadEventFired) { l.loaded.Store(true) })
	if err := (proto.PageEnable{}).Call(l.page); err != nil {
		return err
	}
	if err := l.policy(proto.EmulationSetVirtualTimePolicy{Policy: proto.EmulationVirtualTimePolicyPause}); err != nil {
		return err
	}
	reply, err := proto.PageNavigate{URL: l.job.Page}.Call(l.page)
	if err == nil && reply.ErrorText != "" {
		err = errors.New(reply.ErrorText)
	}
	if err != nil {
		return err
	}
	for begin := time.Now(); !l.loaded.Load(); {
		if time.Since(begin) > bareLoad {
			return fmt.Errorf("not loaded in %s", bareLoad)
		}
		if err := l.grant(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

func (l *bareLoop) policy(p proto.EmulationSetVirtualTimePolicy) error {
	reply, err := p.Call(l.page)
	if err != nil {
		return err
	}
	if reply.VirtualTimeTicksBase != l.base { // another process, whose time begins again
		l.base, l.elapsed = reply.VirtualTimeTicksBase, 0
	}
	return nil
}

// grant lets some milliseconds of page time pass.
func (l *bareLoop) grant(ctx context.Context, ms float64) error {
	err := l.policy(proto.EmulationSetVirtualTimePolicy{
		Policy: proto.EmulationVirtualTimePolicyPauseIfNetworkFetchesPending, Budget: &ms,
	})
	if err != nil {
		return err
	}
	select {
	case <-l.expired:
		l.elapsed += ms
		return nil
	case <-l.client.Closed():
		return cdp.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// picture draws the frame at the current time and returns the size of its picture.
func (l *bareLoop) picture(ctx context.Context) (int64, error) {
	ticks, interval, quality := l.base+l.elapsed, 1000/float64(l.job.FPS), bareQuality
	request := proto.HeadlessExperimentalBeginFrame{
		FrameTimeTicks: &ticks, Interval: &interval,
		Screenshot: &proto.HeadlessExperimentalScreenshotParams{
			Format: proto.HeadlessExperimentalScreenshotParamsFormatJpeg, Quality: &quality,
		},
	}
	reply, err := l.client.CallRaw(ctx, l.session, request.ProtoReq(), request)
	if err != nil {
		return 0, err
	}
	return int64(len(reply.Bytes("screenshotData"))), nil
}

func (l *bareLoop) frames(ctx context.Context, m marks) (output, error) {
	var made output
	for blank := 0; made.frames < l.job.Frames; {
		size, err := l.picture(ctx)
		if err != nil {
			return made, err
		}
		switch {
		case size > 0:
			made.frames++
			made.distinct++
			made.bytes += size
		case made.frames > 0 || blank == blankFrames:
			return made, fmt.Errorf("frame %d has no picture", made.frames)
		default:
			blank++
		}
		if made.frames == 1 {
			m.first()
		}
		if made.frames == l.job.Frames {
			break
		}
		if err := l.grant(ctx, 1000/float64(l.job.FPS)); err != nil {
			return made, err
		}
	}
	m.finished()
	return made, nil
}
