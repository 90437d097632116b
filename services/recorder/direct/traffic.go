package direct

import (
	"maps"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// endless is after how much page time a request no longer counts: it is a stream, a long poll, or a
// worker's script, whose end is reported elsewhere.
const endless = 5 * time.Second

// traffic knows whether the page has requests under way.
type traffic struct {
	mu sync.Mutex
	// under are the requests under way, each with for how much page time it has been.
	under map[proto.NetworkRequestID]*asked
	// begun says that a request began since passed was last called, even if it has ended.
	begun bool
}

// asked is a request of a document.
type asked struct {
	loader proto.NetworkLoaderID
	since  time.Duration
}

// watchTraffic listens until the page is gone.
func watchTraffic(page *rod.Page) *traffic {
	t := &traffic{under: map[proto.NetworkRequestID]*asked{}}
	events := page.Event()
	go func() {
		for e := range events {
			t.note(e, page.FrameID)
		}
	}()
	return t
}

func (t *traffic) note(e *rod.Message, page proto.PageFrameID) {
	var shown proto.PageFrameNavigated
	var begin proto.NetworkRequestWillBeSent
	var end proto.NetworkLoadingFinished
	var failure proto.NetworkLoadingFailed
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case e.Load(&begin):
		// Media that loads while it plays, and event streams, never end.
		if begin.Type == proto.NetworkResourceTypeMedia || begin.Type == proto.NetworkResourceTypeEventSource {
			return
		}
		t.under[begin.RequestID], t.begun = &asked{loader: begin.LoaderID}, true
	case e.Load(&end):
		delete(t.under, end.RequestID)
	case e.Load(&failure):
		delete(t.under, failure.RequestID)
	case e.Load(&shown) && shown.Frame.ID == page:
		// nobody tells how the requests end of a document that was left
		maps.DeleteFunc(t.under, func(_ proto.NetworkRequestID, a *asked) bool { return a.loader != shown.Frame.LoaderID })
	}
}

// passed says that page time has passed, and reports whether the network was busy in it.
func (t *traffic) passed(d time.Duration) (busy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	busy, t.begun = t.begun, false
	for _, a := range t.under {
		busy = busy || a.since < endless
		a.since += d
	}
	return busy
}
