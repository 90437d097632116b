package capture

import (
	"sync"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// document is what is known of the page's main document.
type document struct {
	// changed has a value when something became known since it was last received from.
	changed chan struct{}

	mu sync.Mutex
	documentState
	request proto.NetworkRequestID
	// asked is the address that the document which is shown asked last to be replaced by.
	asked string
	// before is what is shown while the next document is asked for.
	before documentState
}

type documentState struct {
	url    string // as last redirected
	status int    // of the answer; 0 before there is one
	// failure is why there is none, as a net error such as net::ERR_CONNECTION_RESET.
	failure string
	// shown says that Chrome shows a document: the page's, or its own that says why there is none.
	shown  bool
	parsed bool
	loaded bool
}

func watchDocument(c *cdp.Client, page *rod.Page) *document {
	d := &document{changed: make(chan struct{}, 1)}
	session := page.SessionID
	cdp.On(c, session, func(e *proto.NetworkRequestWillBeSent) {
		if e.Type == proto.NetworkResourceTypeDocument && e.FrameID == page.FrameID {
			d.update(func() {
				d.leave()
				d.request, d.url, d.status, d.failure = e.RequestID, e.Request.URL, 0, ""
			})
		}
	})
	cdp.On(c, session, func(e *proto.NetworkResponseReceived) {
		if e.Type == proto.NetworkResourceTypeDocument && e.FrameID == page.FrameID {
			d.update(func() { d.status = e.Response.Status })
		}
	})
	cdp.On(c, session, func(e *proto.NetworkLoadingFailed) {
		d.update(func() {
			if e.RequestID == d.request && (e.ErrorText != "net::ERR_ABORTED" || !d.before.shown) {
				d.failure = e.ErrorText
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
				d.shown, d.before, d.asked = true, documentState{}, ""
				if e.Frame.UnreachableURL != "" && d.failure == "" {
					d.url, d.failure = e.Frame.UnreachableURL, "net::ERR_FAILED"
				}
			})
		}
	})
	cdp.On(c, session, func(e *proto.PageFrameRequestedNavigation) {
		if e.FrameID == page.FrameID && e.Disposition == proto.PageClientNavigationDispositionCurrentTab {
			d.update(func() { d.asked = e.URL })
		}
	})
	cdp.On(c, session, func(*proto.PageDomContentEventFired) { d.update(func() { d.current().parsed = true }) })
	cdp.On(c, session, func(*proto.PageLoadEventFired) { d.update(func() { d.current().loaded = true }) })
	return d
}

func (d *document) update(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// leave keeps what is known of the document that is shown when the next one is asked for.
func (d *document) leave() {
	if d.shown && d.status != 0 && !d.before.shown {
		d.before = d.documentState
	}
}

// startLoading is called when another document is asked for, in place of the one that is shown, if
// there is one.
func (d *document) startLoading() {
	d.leave()
	d.parsed, d.loaded = false, false
}

// stopLoading is called when it is there, or nothing came of it: it was a download, or an answer
// without content. Then what is shown stays.
func (d *document) stopLoading() {
	if d.before.shown {
		d.documentState, d.before = d.before, documentState{}
	}
}

// current is what is known of the document whose parsing and loading are told of: the one that is
// shown, as long as there is one. A load handler that leads elsewhere does so before the end of
// that load is told.
func (d *document) current() *documentState {
	if d.before.shown {
		return &d.before
	}
	return &d.documentState
}

// forget makes what is known that of a document which has not been asked for yet.
func (d *document) forget() {
	d.update(func() { d.documentState, d.before, d.request, d.asked = documentState{}, documentState{}, "", "" })
}

func (d *document) state() documentState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.documentState
}

// askedFor returns the address that the document which is shown asked last to be replaced by.
func (d *document) askedFor() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}
