package capture

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// requests knows which of the page's requests are under way, and since when.
type requests struct {
	// changed has a value when one began or ended since it was last received from.
	changed chan struct{}
	// media says that a video or a sound was asked for.
	media atomic.Bool

	mu    sync.Mutex
	under map[proto.NetworkRequestID]*request
	// started and ended count all there ever were.
	started, ended int
	// turned is when another document was shown last.
	turned time.Time
}

type request struct {
	start time.Time
	// loader is the document's that asks for it.
	loader proto.NetworkLoaderID
	// part says that the page is not all there without its answer.
	part bool
	// free says that time passed while it was under way: Chrome does not wait for it.
	free bool
}

func watchRequests(c *cdp.Client, page *rod.Page) *requests {
	session := page.SessionID
	r := &requests{changed: make(chan struct{}, 1), under: map[proto.NetworkRequestID]*request{}}
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

// isPart reports whether a page is not all there without an answer. What is loaded as it plays or
// for later is no part, nor what is only told. A worker's script is asked for by the browser, and
// its end is told elsewhere: its id is the browser's, a token, while a renderer's has a dot in it.
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

func (r *requests) begin(id proto.NetworkRequestID, loader proto.NetworkLoaderID, part bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.under[id] = &request{start: time.Now(), loader: loader, part: part}
	r.started++
	r.notify()
}

// forget takes all that were begun for ended: the document that is left does not tell of its own.
func (r *requests) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.under)
}

// leave ends all that other documents than the one of a loader asked for: it is shown now, and
// nobody tells how theirs end.
func (r *requests) leave(loader proto.NetworkLoaderID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turned = time.Now()
	for id, q := range r.under {
		if q.loader != loader {
			delete(r.under, id)
			r.ended++
		}
	}
	r.notify()
}

func (r *requests) end(id proto.NetworkRequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.under, id)
	r.ended++
	r.notify()
}

func (r *requests) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// shown is for how long the document has been shown.
func (r *requests) shown() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.turned)
}

// current returns the requests that are under way.
func (r *requests) current() []*request {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*request, 0, len(r.under))
	for _, q := range r.under {
		if !q.free {
			list = append(list, q)
		}
	}
	return list
}

// none reports whether no request is under way, not even one that Chrome does not wait for: it may
// begin to.
func (r *requests) none() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.under) == 0
}

// release notes requests that Chrome does not wait for: a video that is loaded as it plays, a
// picture, a worker's script, whose end is told elsewhere. Time passed while they were under way.
func (r *requests) release(list []*request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range list {
		q.free = true
	}
}

// recall takes the released requests for such that hold time, when it does not pass and no other is
// under way: Chrome may begin to wait for one only after a step or two.
func (r *requests) recall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.under {
		q.free = false
	}
}

// begun counts the requests that there were, those under way included.
func (r *requests) begun() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// events counts how often one began or ended.
func (r *requests) events() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started + r.ended
}

// pending counts the requests that hold page time: those under way for less than patience, and
// those for longer.
func (r *requests) pending(patience time.Duration) (young, overdue int) {
	return r.count(patience, func(q *request) bool { return !q.free })
}

// missing counts the requests without which the page is not all there, in the same way. Not all of
// them hold page time: its pictures do not.
func (r *requests) missing(patience time.Duration) (young, overdue int) {
	return r.count(patience, func(q *request) bool { return q.part })
}

func (r *requests) count(patience time.Duration, counts func(*request) bool) (young, overdue int) {
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
