package load

import (
	"context"
	"fmt"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/document"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/process"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/requests"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/serviceworkers"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// stepPause is how long in real time an incomplete page is left alone between two steps, unless
	// one of its requests begins or ends.
	stepPause = 10 * time.Millisecond
	// calmSteps is how many steps in a row must find the page complete, calmPause the time between
	// them. What answers outside of the page's own thread, such as a decoder or a database, takes a
	// moment, and may make the page request more.
	calmSteps = 3
	calmPause = 10 * time.Millisecond
	// maxDocuments is how many documents in a row a page may lead to while it loads: as many as
	// Chrome follows redirects.
	maxDocuments = 20
)

// Clock is the page's time.
type Clock interface {
	// Run runs the page's tasks that are ready, and lets no time pass.
	Run(ctx context.Context) error
	// Follow puts the clock where Chrome's is, by the page's calendar in milliseconds.
	Follow(calendar float64)
}

// Loader loads one page. One goroutine at a time may use it. All fields but the last two must be
// set.
type Loader struct {
	Client         *cdp.Client
	Page           *rod.Page
	Clock          Clock
	Document       *document.Tracker
	Requests       *requests.Tracker
	World          *world.World
	ServiceWorkers *serviceworkers.Tracker
	// URL is the page's.
	URL string
	// Timeout bounds the time from the request for the page to frame 0, Request how long one of its
	// requests is waited for, Call how long Chrome may take for anything else, in real time.
	Timeout, Request, Call time.Duration

	// Unreached returns why the last connection to a host and port failed. It may be nil.
	Unreached func(hostport string) error
	// Swapper follows the page from one process to another. It is nil in real time, where no clock
	// depends on the process.
	Swapper *process.Swapper

	since  time.Time // when the page, or what drawing it requests, was requested
	events int       // of requests, at the last observe
}

// Load navigates to the page and waits until it is complete.
func (l *Loader) Load(ctx context.Context) error {
	l.Restart()
	if err := l.navigate(ctx); err != nil {
		return err
	}
	return l.settle(ctx, l.answered)
}

// Restart gives what the page requests from now on the whole Timeout.
func (l *Loader) Restart() { l.since = time.Now() }

// Settle waits until the page is complete again, unless Timeout is over.
func (l *Loader) Settle(ctx context.Context) error {
	if time.Since(l.since) >= l.Timeout {
		return nil
	}
	return l.settle(ctx, l.answered)
}

// Follow goes where the page has gone, if another process shows it, and waits until it is complete
// there: Chrome does not answer a call to draw a document of which that process has read nothing.
// It is called when time has passed, and before anything is drawn.
func (l *Loader) Follow(ctx context.Context) error {
	if l.Swapper == nil {
		return nil
	}
	if err := l.Swapper.AwaitResponse(ctx); err != nil {
		return err
	}
	swapped, err := l.swap(ctx)
	if !swapped || err != nil {
		return err
	}
	l.Restart()
	return l.settle(ctx, func(context.Context) error { return nil })
}

// FollowAction follows where an action has led the page, so that the frame of the action shows it.
// Whether a response is there by the next frame would be a matter of chance.
func (l *Loader) FollowAction(ctx context.Context) error {
	if l.Swapper == nil {
		return nil
	}
	// Chrome reports what the action made the page request before it answers this.
	var nothing int
	if err := l.World.Evaluate("0", &nothing); err != nil && !cdp.Gone(err) {
		return err
	}
	return l.Follow(ctx)
}

// CatchUp follows the page, and puts the clock where Chrome's is if a request began or ended since
// the last call.
func (l *Loader) CatchUp(ctx context.Context) error {
	if err := l.Follow(ctx); err != nil {
		return err
	}
	events := l.Requests.Events()
	if events == l.events {
		return nil
	}
	l.events = events
	_, err := l.observe()
	return err
}

// CaughtUp reports whether no request began or ended since the last CatchUp. Any goroutine may call
// it while none calls another method.
func (l *Loader) CaughtUp() bool { return l.Requests.Events() == l.events }

// settle waits until the page is complete, or judge returns an error.
func (l *Loader) settle(ctx context.Context, judge func(context.Context) error) error {
	for calm := 0; calm < calmSteps; {
		if swapped, err := l.swap(ctx); err != nil {
			return err
		} else if swapped {
			calm = 0
		}
		if err := l.Clock.Run(ctx); err != nil {
			return err
		}
		if err := judge(ctx); err != nil {
			return err
		}
		ready, err := l.complete()
		if err != nil {
			return err
		}
		if time.Since(l.since) > l.Timeout {
			if l.Document.Now().Parsed {
				return nil
			}
			return pageerror.Timeout("not loaded in %s", l.Timeout)
		}
		wait := stepPause
		if calm++; ready {
			wait = calmPause
		} else {
			calm = 0
		}
		if calm < calmSteps {
			if err := l.Requests.Wait(ctx, wait); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Loader) swap(ctx context.Context) (swapped bool, err error) {
	if l.Swapper == nil {
		return false, nil
	}
	return l.Swapper.Swap(ctx)
}

// complete reports whether the page has what it requested. A request that is overdue does not
// belong to the page, even if the page's load event waits for it.
func (l *Loader) complete() (bool, error) {
	d := l.Document.Now()
	young, overdue := l.Requests.Missing(l.Request)
	if young > 0 {
		return false, nil
	}
	if ready, err := l.ServiceWorkers.Ready(l.Request); !ready || err != nil {
		return false, err
	}
	if !d.Loaded && (!d.Parsed || overdue == 0) {
		if stopped, err := l.stopped(); !stopped || err != nil {
			return false, err
		}
	}
	return l.observe()
}

// stopped reports whether Chrome has stopped reading the document before its end, which no event
// reports: at window.stop(), or when a script navigated and nothing came of it, as with a download.
// What was read stays, and is all there is. A page that navigates to an address which is not of the
// web is an error: it is there to open another program, or a file.
func (l *Loader) stopped() (stopped bool, err error) {
	const expression = `document.readyState === "complete" && performance.timing.domContentLoadedEventStart === 0`
	if err := l.World.Ask("check whether the page loads", expression, &stopped); err != nil {
		return false, err
	}
	if next := l.Document.Next(); stopped && next != "" && !isWeb(next) {
		return false, pageerror.Scheme(next)
	}
	return stopped, nil
}

// observe lays the page out, which is what requests its fonts, reports whether all of them are
// there, and follows its clock.
func (l *Loader) observe() (fonts bool, err error) {
	var seen struct {
		Fonts    bool    `json:"fonts"`
		Calendar float64 `json:"calendar"`
	}
	err = l.World.Evaluate(`(document.documentElement?.getBoundingClientRect(),
		{fonts: document.fonts.status === "loaded", calendar: performance.timeOrigin + performance.now()})`, &seen)
	if cdp.Gone(err) {
		return false, nil // another document has come, which is observed next time
	}
	if err != nil {
		return false, fmt.Errorf("observe the page: %w", err)
	}
	l.Clock.Follow(seen.Calendar)
	return seen.Fonts, nil
}
