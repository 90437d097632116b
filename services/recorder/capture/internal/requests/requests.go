package requests

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Tracker tracks the requests of one page. Its methods may be called by any goroutine.
type Tracker struct {
	// changed has a value when a request began or ended since it was last received from.
	changed chan struct{}
	media   atomic.Bool

	mu    sync.Mutex
	under map[proto.NetworkRequestID]*Request
	// started and ended count all requests.
	started, ended int
	// shown is when the current document replaced the one before.
	shown time.Time
}

// Request is one request under way.
type Request struct {
	start time.Time
	// loader is that of the document which made the request.
	loader proto.NetworkLoaderID
	// part says that the page is incomplete without the response.
	part bool
	// free says that time passed while the request was under way: Chrome does not wait for it.
	free bool
}

// Watch starts to track a page's requests. The Network domain must be enabled afterwards.
func Watch(c *cdp.Client, page *rod.Page) *Tracker {
	session := page.SessionID
	r := &Tracker{changed: make(chan struct{}, 1), under: map[proto.NetworkRequestID]*Request{}}
	cdp.On(c, session, func(e *proto.NetworkRequestWillBeSent) {
		r.begin(e.RequestID, e.LoaderID, isPart(e))
		if e.Type == proto.NetworkResourceTypeMedia {
			r.media.Store(true)
		}
	})
	cdp.On(c, session, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == page.FrameID {
			r.leave(e.Frame.LoaderID)
		}
	})
	cdp.On(c, session, func(e *proto.NetworkLoadingFinished) { r.end(e.RequestID) })
	cdp.On(c, session, func(e *proto.NetworkLoadingFailed) { r.end(e.RequestID) })
	return r
}

// isPart reports whether a page is incomplete without a response. Media that is loaded as it plays,
// prefetches and beacons are no part of it. Neither is a worker's script: the browser requests it,
// and its end is reported to another session. Its id is the browser's, a token; a renderer's id has
// a dot in it.
func isPart(e *proto.NetworkRequestWillBeSent) bool {
	switch e.Type {
	case proto.NetworkResourceTypeDocument, proto.NetworkResourceTypeStylesheet, proto.NetworkResourceTypeImage,
		proto.NetworkResourceTypeFont, proto.NetworkResourceTypeXHR, proto.NetworkResourceTypeFetch:
		return true
	case proto.NetworkResourceTypeScript:
		return strings.Contains(string(e.RequestID), ".")
	}
	return false
}

func (r *Tracker) begin(id proto.NetworkRequestID, loader proto.NetworkLoaderID, part bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.under[id] = &Request{start: time.Now(), loader: loader, part: part}
	r.started++
	r.notify()
}

// leave ends the requests of all documents but the one of a loader, which is shown from now on:
// Chrome does not report how the others end.
func (r *Tracker) leave(loader proto.NetworkLoaderID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = time.Now()
	for id, q := range r.under {
		if q.loader != loader {
			delete(r.under, id)
			r.ended++
		}
	}
	r.notify()
}

func (r *Tracker) end(id proto.NetworkRequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.under, id)
	r.ended++
	r.notify()
}

func (r *Tracker) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Forget drops all requests under way. It is called before the page is requested, since Chrome does
// not report how those of the document before end.
func (r *Tracker) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.under)
}

// Wait waits for d in real time, or until a request begins or ends.
func (r *Tracker) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.changed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// Media reports whether the page has ever requested a video or a sound.
func (r *Tracker) Media() bool { return r.media.Load() }

// Begun counts all requests so far, those under way included.
func (r *Tracker) Begun() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// Events counts how often a request began or ended.
func (r *Tracker) Events() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started + r.ended
}

// None reports whether no request is under way, not even one that Chrome does not wait for: it may
// begin to.
func (r *Tracker) None() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.under) == 0
}

// Current returns the requests under way that hold page time.
func (r *Tracker) Current() []*Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Request, 0, len(r.under))
	for _, q := range r.under {
		if !q.free {
			list = append(list, q)
		}
	}
	return list
}

// Release marks requests as such that Chrome does not wait for, since time passed while they were
// under way: a video that is loaded as it plays, a picture, a worker's script.
func (r *Tracker) Release(list []*Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range list {
		q.free = true
	}
}

// Recall takes Release back for all requests. It is called when time does not pass although no
// other request is under way: Chrome may begin to wait for a request only after a step or two.
func (r *Tracker) Recall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.under {
		q.free = false
	}
}

// Pending counts the requests that hold page time: those under way for less than patience, and
// those for longer.
func (r *Tracker) Pending(patience time.Duration) (young, overdue int) {
	return r.count(patience, func(q *Request) bool { return !q.free })
}

// Missing counts the requests without which the page is incomplete, in the same way. Not all of
// them hold page time: those for pictures do not.
func (r *Tracker) Missing(patience time.Duration) (young, overdue int) {
	return r.count(patience, func(q *Request) bool { return q.part })
}

// Overdue reports whether requests are not to be waited for any longer, after a wait: none is
// young, and one is overdue or the wait itself was longer than patience. Where one document follows
// another, Chrome waits between their requests too, and would let time pass without bounds in the
// next one. So the wait counts from when the current document was shown.
func (r *Tracker) Overdue(waited, patience time.Duration) bool {
	young, overdue := r.Pending(patience)
	return young == 0 && (overdue > 0 || min(waited, r.age()) > patience)
}

// age is for how long the current document has been shown.
func (r *Tracker) age() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.shown)
}

func (r *Tracker) count(patience time.Duration, counts func(*Request) bool) (young, overdue int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.under {
		switch {
		case !counts(q):
		case time.Since(q.start) < patience:
			young++
		default:
			overdue++
		}
	}
	return young, overdue
}
