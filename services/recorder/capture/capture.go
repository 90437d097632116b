package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/assets"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/animations"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/document"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/images"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/overrides"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/serviceworkers"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/workers"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Options say what to capture.
type Options struct {
	// URL of the page, http or https.
	URL string
	// Width and Height of the viewport in CSS pixels. They must be those that the browser was
	// started with.
	Width, Height int
	Rate          msg.Rate
	// Mode is how; empty means msg.ModeExact. The browser must have been started with Frames(Mode).
	Mode msg.Mode
	// Frames is how many to deliver; at least 1.
	Frames int
	// Repeatable gives the page the same random numbers and the same date in every run. The browser
	// must have been started so, too.
	Repeatable bool
	// Quality of the JPEG pictures, 1 to 100.
	Quality int
	Bounds  Bounds
	// Unreached returns why the last connection to a host and port failed. It may be nil.
	Unreached func(hostport string) error
	// Progress is called with 1, 2, 3 and so on frames, with several at once after still ones. It
	// may be nil.
	Progress func(frames int)
	// Notices are what is noticed of the page until Run returns. It may be nil.
	Notices *Notices
	// Director does to the page what the product's user asked for. It may be nil.
	Director Director
	// Witness sees the page for whoever looks into a failure. It may be nil.
	Witness Witness
}

// Director prepares the page for its scene and acts on it while it is captured. What it returns
// ends the capture; a *PageError tells the product's user why.
type Director interface {
	// Prepare is called when there is a page and before it is navigated; time stands still.
	Prepare(ctx context.Context, page *rod.Page) error
	// Ready is called when the page has loaded, before frame 0. Time passes when it lets it.
	Ready(ctx context.Context, page *rod.Page, pass Pass) error
	// Frame is called before the frame that shows the page at a time of the scene is drawn, when
	// the page's time has come to it, and may be left out when nothing is Due. It is called for
	// frame 0 in any case, at 0.
	Frame(ctx context.Context, page *rod.Page, at time.Duration) error
	// Due reports whether Frame may have something to do at a time, none having been due since it
	// was last called.
	Due(at time.Duration) bool
}

// Pass lets page time pass, its frames drawn but not delivered.
type Pass func(ctx context.Context, d time.Duration) error

// Bounds are how long to wait, in real time.
type Bounds struct {
	// Load bounds the time from navigating to frame 0.
	Load time.Duration
	// Request bounds how long one request of the page's may keep page time from passing.
	Request time.Duration
	// Requests bounds how long all of them together may.
	Requests time.Duration
	// Call bounds how long Chrome may take for anything else, such as one frame.
	Call time.Duration
	// Frame bounds how long frames may take on average: all of them together may take that for
	// each, and Call besides. 0: no bound.
	Frame time.Duration
}

// DefaultBounds suit pages of the internet.
var DefaultBounds = Bounds{
	Load: 25 * time.Second, Request: 4 * time.Second, Requests: 40 * time.Second, Call: cdp.DefaultDeadline,
	Frame: 2 * time.Second,
}

// Sink takes the frames, in order.
type Sink interface {
	// Frame takes the next frame, and reports whether its picture is another than the last frame's.
	// It may keep jpeg.
	Frame(jpeg []byte) (changed bool, err error)
	// Repeat says that the next frame looks as the last one does.
	Repeat() error
}

// Browser is a running Chrome that shows nothing else.
type Browser struct {
	Client *cdp.Client
	// Kill ends it at once: some pages can only be stopped that way.
	Kill func()
	// Still is called with true when the page has come to rest, and with false when it moves again;
	// a single change now and then, as of a clock's hand, is no such move. It may be nil.
	Still func(still bool)
}

// scene is one capture under way.
type scene struct {
	Options
	client     *cdp.Client
	page       *rod.Page
	sink       Sink
	requests   *requests.Tracker
	assets     *assets.Tracker
	images     *images.Decodes // where frames are drawn on demand
	document   *document.Tracker
	clock      *clock
	world      *world.World
	crashed    func()
	animations *animations.Animations // in msg.ModeVirtual
	workers    *workers.Tracker
	anteroom   *anteroom // nil in msg.ModeRealtime
	services   *serviceworkers.Tracker
	seeks      seeks
	events     int // of requests, when the clock was last put where Chrome's is
	lastTicks  float64
	reach      int // of the next stride, in frames; 0 after a change
	rest       rest
	loading    time.Time // when the page, or what drawing it asks for, was asked for
	delivered  int       // frames
}

// Run captures a page. The browser is of no further use afterwards: close it.
func Run(ctx context.Context, b Browser, o Options, sink Sink) error {
	if err := checkURL(o.URL); err != nil {
		return err
	}
	// What waits for Chrome, rod included, ends with it: with the caller's context, and when the
	// page crashes.
	caller := ctx
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	defer context.AfterFunc(ctx, b.Kill)()
	b.Client.Deadline = o.Bounds.Call
	if o.Notices == nil {
		o.Notices = &Notices{}
	}
	s := &scene{
		Options: o, client: b.Client, crashed: func() { cancel(errCrashed) }, seeks: seeks{patience: o.Bounds.Requests},
		rest: rest{tell: b.Still},
	}
	watcher := &observer{Sink: sink, notices: o.Notices, at: s.at, live: o.Mode == msg.ModeRealtime, read: -1}
	s.sink = watcher
	err := s.open(ctx)
	if err == nil {
		watcher.assets, watcher.world = s.assets, s.world
		err = s.prepare(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return err // whatever it is, the page has no part in it
	}
	if err == nil {
		err = s.load(ctx)
	}
	if err == nil {
		err = s.genuine(ctx)
	}
	if err == nil {
		err = s.ready(ctx)
	}
	if err == nil {
		err = s.framesInTime(ctx)
	}
	if err == nil {
		err = s.listen()
	}
	if err == nil {
		err = watcher.conclude(ctx, o.Bounds.Request)
	}
	if err != nil && s.delivered == 0 {
		s.show(ctx, err)
	}
	switch {
	case caller.Err() != nil:
		return context.Cause(caller)
	case ctx.Err() != nil:
		return classify(context.Cause(ctx))
	}
	return classify(err)
}

// framesInTime captures the frames of a page that may be slow, but not in each of them.
func (s *scene) framesInTime(ctx context.Context) error {
	if s.Bounds.Frame > 0 {
		bound := s.Bounds.Call + time.Duration(s.Frames)*s.Bounds.Frame
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, bound, pageerror.Timeout("%d frames did not come in %s", s.Frames, bound))
		defer cancel()
	}
	return s.capture(ctx)
}

// capture captures every frame into the sink.
func (s *scene) capture(ctx context.Context) error {
	switch s.Mode {
	case msg.ModeVirtual:
		return s.screenshots(ctx)
	case msg.ModeRealtime:
		return s.realtime(ctx)
	}
	return s.frames(ctx)
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

// ownFrames reports whether Chrome draws frames when it sees fit.
func (s *scene) ownFrames() bool { return Frames(s.Mode) != chrome.FramesOnDemand }

// open makes the page that the scene is shown in, its time standing still.
func (s *scene) open(ctx context.Context) error {
	browser := rod.New().Context(ctx).Client(s.client).NoDefaultDevice()
	if err := browser.Connect(); err != nil {
		return fmt.Errorf("connect to Chrome: %w", err)
	}
	// Downloads have no place to go; frame 0 of one would never come.
	err := proto.BrowserSetDownloadBehavior{Behavior: proto.BrowserSetDownloadBehaviorBehaviorDeny}.Call(browser)
	if err != nil {
		return fmt.Errorf("refuse downloads: %w", err)
	}
	target, err := s.target().Call(browser)
	if err != nil {
		return fmt.Errorf("open a page: %w", err)
	}
	if err := s.silenceFilms(ctx, browser, target.TargetID); err != nil {
		return fmt.Errorf("take the sound out of videos: %w", err)
	}
	// Sessions follow one another wherever the page goes, and the last has its way in what all of
	// them say of the browser. So the page's own comes after those that only watch.
	var watching proto.TargetSessionID
	if s.Mode != msg.ModeRealtime {
		if watching, err = attach(browser, target.TargetID); err != nil {
			return fmt.Errorf("watch the page's processes: %w", err)
		}
	}
	s.page, err = browser.PageFromTarget(target.TargetID)
	if err != nil {
		return fmt.Errorf("open a page: %w", err)
	}
	if err := overrides.Dialogs(s.client, s.page); err != nil {
		return err
	}
	cdp.On(s.client, s.page.SessionID, func(*proto.InspectorTargetCrashed) { s.crashed() })
	s.requests = requests.Watch(s.client, s.page)
	s.assets = assets.Watch(s.client, s.page)
	s.document = document.Watch(s.client, s.page)
	s.world = world.New(s.client, s.page)
	if s.Mode != msg.ModeRealtime {
		if s.anteroom, err = watchProcesses(ctx, s.client, watching, s.page); err != nil {
			return fmt.Errorf("watch the page's processes: %w", err)
		}
	}
	if s.services, err = serviceworkers.Watch(s.client, s.page, s.world); err != nil {
		return err
	}
	if s.workers, err = workers.Watch(s.client, s.page); err != nil {
		return err
	}
	for _, enable := range []interface{ Call(proto.Client) error }{
		proto.InspectorEnable{},
		proto.NetworkEnable{},
		proto.RuntimeEnable{},
	} {
		if err := enable.Call(s.page); err != nil {
			return fmt.Errorf("set the page up: %w", err)
		}
	}
	if s.Mode == msg.ModeRealtime {
		s.clock = realClock(s.client)
	} else if s.clock, err = startClock(s.page, s.client, s.requests, s.Bounds, s.date()); err != nil {
		return fmt.Errorf("stop the clock: %w", err)
	}
	s.clock.leads = s.leads
	if s.ownFrames() {
		return s.takeOver(ctx)
	}
	return nil
}

// prepare goes to where the page is asked for, and lets the director set the browser up.
func (s *scene) prepare(ctx context.Context) error {
	// Here, since time that passes while a document is asked for is 10 ms at once.
	if err := s.clock.mark(ctx); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.opened(); err != nil {
		return err
	}
	if s.Repeatable {
		if err := overrides.Repeatable(s.page); err != nil {
			return err
		}
	}
	if err := s.synchronize(); err != nil {
		return err
	}
	if s.Director == nil {
		return nil
	}
	return s.Director.Prepare(ctx, s.page)
}

// synchronize keeps canvases from bypassing the compositor, and page time from passing while images
// are decoded.
func (s *scene) synchronize() (err error) {
	if s.ownFrames() {
		return nil
	}
	if err := overrides.Canvas(s.page); err != nil {
		return err
	}
	s.images, err = images.Watch(s.client, s.page, s.clock.run, s.Bounds.Request, s.Bounds.Requests)
	return err
}

// date is what the page's calendar says when its time begins.
func (s *scene) date() time.Time {
	if s.Repeatable {
		return overrides.RepeatableDate
	}
	return time.Now()
}

// target is the page that is asked for.
func (s *scene) target() proto.TargetCreateTarget {
	// Only in a window of its own does a whole Chrome give a page a size.
	return proto.TargetCreateTarget{
		EnableBeginFrameControl: !s.ownFrames(), NewWindow: s.ownFrames(), Width: &s.Width, Height: &s.Height,
	}
}

// ready gives the director the page before frame 0.
func (s *scene) ready(ctx context.Context) error {
	if s.Director == nil {
		return nil
	}
	if err := s.Director.Ready(ctx, s.page, s.pass); err != nil {
		return err
	}
	s.loading = time.Now() // what frame 0 asks for has its own time
	return s.genuine(ctx)  // scripts may have led elsewhere meanwhile
}

// act gives the director the page before frame n.
func (s *scene) act(ctx context.Context, n int) error {
	if s.Director == nil {
		return nil
	}
	due := s.due(n)
	if err := s.Director.Frame(ctx, s.page, s.at(n)); err != nil || !due {
		return err
	}
	return s.leadsOn(ctx)
}

// due reports whether the director has something to do before frame n.
func (s *scene) due(n int) bool { return s.Director != nil && s.Director.Due(s.at(n)) }

// at is when frame n is shown, as the director counts it.
func (s *scene) at(n int) time.Duration {
	return time.Duration(frameTime(s.Rate, n)) * time.Microsecond
}

// passStep is how much time passes between two frames that nobody sees: 60 a second, as on most
// screens.
const passStep = 167 * grain

// pass lets d of page time pass, drawing frames, since pages act on them. The time that it ends at
// is left to the next frame: Chrome stalls when a time at which nothing changed is drawn again.
func (s *scene) pass(ctx context.Context, d time.Duration) error {
	for left := micros(d.Microseconds()); left > 0; left -= passStep {
		if s.clock.ticks(s.clock.elapsed) > s.lastTicks {
			if _, _, err := s.beginFrame(ctx, s.clock.elapsed, false); err != nil {
				return err
			}
		}
		if err := s.advance(ctx, s.clock.elapsed+min(left, passStep)); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) progress(frames int) {
	s.delivered = frames
	if s.Progress != nil {
		s.Progress(frames)
	}
}

// listen notes a video with sound: its picture follows the sound, which plays in real time. Where
// Chrome draws frames when it sees fit, no video is exact.
func (s *scene) listen() error {
	if s.ownFrames() {
		return nil
	}
	const sounds = `[...document.querySelectorAll("video")].some(v => v.webkitAudioDecodedByteCount > 0)`
	return s.world.Ask("listen to the page", sounds, &s.Notices.Sounds)
}
