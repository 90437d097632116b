package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/load"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Options say what to capture.
type Options struct {
	// URL of the page, http or https.
	URL string
	// Width and Height of the viewport in CSS pixels. They must be those that the browser was
	// started with.
	Width, Height int
	Rate          msg.Rate
	// Mode is how; empty means msg.ModeExact. The browser must have been started for Frames(Mode).
	Mode msg.Mode
	// Frames is how many to deliver; at least 1.
	Frames int
	// Repeatable gives the page the same random numbers and the same date in every run. The browser
	// must have been started with it, too.
	Repeatable bool
	// Quality of the JPEG pictures, 1 to 100.
	Quality int
	Bounds  Bounds
	// Unreached returns why the last connection to a host and port failed; nil if it did not. It
	// may be nil.
	Unreached func(hostport string) error
	// Progress is called with the number of frames delivered so far: 1, 2, 3 and so on. It may be
	// nil.
	Progress func(frames int)
	// Notices receives what a capture reports besides frames, until Run returns. It may be nil.
	Notices *Notices
	// Survey receives what is known of the page itself, until Run returns. It may be nil.
	Survey *Survey
	// Director does to the page what the product's user asked for. It may be nil.
	Director Director
	// Diagnostics receives what helps to find out why a page failed. It may be nil.
	Diagnostics Diagnostics
}

// Director prepares the page for its scene and acts on it while it is captured. An error of it ends
// the capture; a *PageError has words for the product's user.
type Director interface {
	// Prepare is called when there is a page, before it is requested. Time stands still.
	Prepare(ctx context.Context, page *rod.Page) error
	// Ready is called when the page has loaded, before frame 0. Time stands still but for pass.
	Ready(ctx context.Context, page *rod.Page, pass Pass) error
	// Frame is called before a frame is drawn, when page time has come to it. at is the frame's
	// time in the scene. It may be left out when nothing is Due, but not for frame 0, at 0.
	Frame(ctx context.Context, page *rod.Page, at time.Duration) error
	// Due reports whether Frame may have something to do at a time, if nothing was due since Frame
	// was last called.
	Due(at time.Duration) bool
}

// Pass lets page time pass, its frames drawn but not delivered.
type Pass func(ctx context.Context, d time.Duration) error

// Bounds bound waits, in real time.
type Bounds struct {
	// Load bounds the time from the request for the page to frame 0.
	Load time.Duration
	// Request bounds how long one request of the page's may hold page time.
	Request time.Duration
	// Requests bounds how long all of them together may.
	Requests time.Duration
	// Call bounds how long Chrome may take for anything else, such as one frame.
	Call time.Duration
	// Frame bounds how long frames may take on average: all of them together may take that for
	// each, and Call besides. 0 means no bound.
	Frame time.Duration
}

// DefaultBounds suit pages of the internet.
var DefaultBounds = Bounds{
	Load: 25 * time.Second, Request: 4 * time.Second, Requests: 40 * time.Second, Call: cdp.DefaultDeadline,
	Frame: 2 * time.Second,
}

// Sink takes the frames, in order.
type Sink interface {
	// Frame takes the next frame, and reports whether its picture differs from the last frame's. It
	// may keep jpeg.
	Frame(jpeg []byte) (changed bool, err error)
	// Repeat takes a next frame that looks as the last one does.
	Repeat() error
}

// Browser is a running Chrome that shows nothing else.
type Browser struct {
	Client *cdp.Client
	// Kill ends it at once: some pages can only be stopped that way.
	Kill func()
	// Still is called with true when the page has come to rest, and with false when it moves again;
	// a single change now and then, as of a clock's hand, does not count. It may be nil.
	Still func(still bool)
}

// Run captures a page. The page is there afterwards: close it, or the browser.
func Run(ctx context.Context, b Browser, o Options, sink Sink) error {
	if err := load.CheckURL(o.URL); err != nil {
		return err
	}
	// What waits for Chrome, rod included, ends with this context: with the caller's, and when the
	// page crashes.
	caller := ctx
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	defer context.AfterFunc(ctx, b.Kill)()
	b.Client.Deadline = o.Bounds.Call
	if o.Notices == nil {
		o.Notices = &Notices{}
	}
	err := capture(ctx, b, &o, sink, func() { cancel(errCrashed) })
	switch {
	case caller.Err() != nil:
		return context.Cause(caller)
	case ctx.Err() != nil:
		return classify(context.Cause(ctx))
	}
	return err
}
