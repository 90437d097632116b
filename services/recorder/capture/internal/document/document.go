package document

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/pageerror"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Tracker tracks the main document of one page. Its methods may be called by any goroutine.
type Tracker struct {
	closed <-chan struct{} // when Chrome is gone
	// changed has a value when something changed since it was last received from.
	changed chan struct{}

	mu sync.Mutex
	// now is the state of the document that is requested, or else of the one that is shown.
	now     State
	request proto.NetworkRequestID
	// next is the address that the current document last asked to be replaced by.
	next string
	// before is the state of the document that stays visible while the next one is requested.
	before State
	// responses counts the documents that were answered, header is that of the last.
	responses int
	header    http.Header
}

// State is the state of a document.
type State struct {
	// URL is the document's, as last redirected.
	URL string
	// Status is the HTTP status of the response; 0 before there is one.
	Status int
	// Failure is why there is none, as a net error such as "net::ERR_CONNECTION_RESET".
	Failure string
	// Shown says that Chrome shows a document: the page's, or its own error page.
	Shown bool
	// Parsed and Loaded say that DOMContentLoaded and load were fired.
	Parsed, Loaded bool
}

// Watch starts to track a page's document. The Network domain must be enabled afterwards.
func Watch(c *cdp.Client, page *rod.Page) *Tracker {
	d := &Tracker{closed: c.Closed(), changed: make(chan struct{}, 1)}
	session := page.SessionID
	cdp.On(c, session, func(e *proto.NetworkRequestWillBeSent) {
		if e.Type == proto.NetworkResourceTypeDocument && e.FrameID == page.FrameID {
			d.update(func() {
				d.leave()
				d.request, d.now.URL, d.now.Status, d.now.Failure = e.RequestID, e.Request.URL, 0, ""
			})
		}
	})
	cdp.On(c, session, func(e *proto.NetworkResponseReceived) {
		if e.Type == proto.NetworkResourceTypeDocument && e.FrameID == page.FrameID {
			d.update(func() { d.respond(e.Response) })
		}
	})
	cdp.On(c, session, func(e *proto.NetworkLoadingFailed) {
		d.update(func() {
			if e.RequestID == d.request && (e.ErrorText != "net::ERR_ABORTED" || !d.before.Shown) {
				d.now.Failure = e.ErrorText
			}
		})
	})
	cdp.On(c, session, func(e *proto.PageFrameStartedLoading) {
		if e.FrameID == page.FrameID {
			d.update(d.startLoading)
		}
	})
	cdp.On(c, session, func(e *proto.PageFrameStoppedLoading) {
		if e.FrameID == page.FrameID {
			d.update(d.stopLoading)
		}
	})
	cdp.On(c, session, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == page.FrameID {
			d.update(func() {
				d.now.Shown, d.before, d.next = true, State{}, ""
				if e.Frame.UnreachableURL != "" && d.now.Failure == "" {
					d.now.URL, d.now.Failure = e.Frame.UnreachableURL, "net::ERR_FAILED"
				}
			})
		}
	})
	cdp.On(c, session, func(e *proto.PageFrameRequestedNavigation) {
		if e.FrameID == page.FrameID && e.Disposition == proto.PageClientNavigationDispositionCurrentTab {
			d.update(func() { d.next = e.URL })
		}
	})
	cdp.On(c, session, func(*proto.PageDomContentEventFired) { d.update(func() { d.current().Parsed = true }) })
	cdp.On(c, session, func(*proto.PageLoadEventFired) { d.update(func() { d.current().Loaded = true }) })
	return d
}

func (d *Tracker) update(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *Tracker) respond(r *proto.NetworkResponse) {
	header := http.Header{}
	for name, value := range r.Headers {
		header.Set(name, value.Str())
	}
	d.now.Status, d.header = r.Status, header
	d.responses++
}

// leave keeps the state of the document that is shown while the next one is requested.
func (d *Tracker) leave() {
	if d.now.Shown && d.now.Status != 0 && !d.before.Shown {
		d.before = d.now
	}
}

// startLoading begins the state of a document that is requested in place of the current one, if
// there is one.
func (d *Tracker) startLoading() {
	d.leave()
	d.now.Parsed, d.now.Loaded = false, false
}

// stopLoading ends it. If no document came of it, because it was a download or a response without
// content, the current document stays.
func (d *Tracker) stopLoading() {
	if d.before.Shown {
		d.now, d.before = d.before, State{}
	}
}

// current returns the state of the document whose parsing and loading Chrome reports: the one that
// is shown, as long as there is one. A load handler that navigates does so before Chrome reports
// the end of that load.
func (d *Tracker) current() *State {
	if d.before.Shown {
		return &d.before
	}
	return &d.now
}

// Forget starts from nothing, for a document that is about to be requested.
func (d *Tracker) Forget() {
	d.update(func() {
		d.now, d.before, d.request, d.next = State{}, State{}, "", ""
		d.responses, d.header = 0, nil
	})
}

// Replace is Forget for a document that is requested in place of one that is not the page's own.
// The count of responses goes on, without that document's.
func (d *Tracker) Replace() {
	d.update(func() {
		d.now, d.before, d.request, d.next = State{}, State{}, "", ""
		d.responses--
	})
}

// Now returns the document's state.
func (d *Tracker) Now() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// Next returns the address that the current document last asked to be replaced by; empty if it did
// not.
func (d *Tracker) Next() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next
}

// Responses counts the documents that were answered since Forget.
func (d *Tracker) Responses() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.responses
}

// Header returns the response header of the last document that was answered. It must not be
// changed.
func (d *Tracker) Header() http.Header {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.header
}

// AwaitShown waits until the document is shown or has failed. Its error after a while is a
// *pageerror.Error.
func (d *Tracker) AwaitShown(ctx context.Context, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		if now := d.Now(); now.Shown || now.Failure != "" {
			return nil
		}
		select {
		case <-d.changed:
		case <-timer.C:
			return pageerror.Timeout("no answer in %s", within)
		case <-d.closed:
			return cdp.ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
