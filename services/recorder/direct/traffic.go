package direct

import (
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// endless is after how much page time a request counts no more: a stream, a long poll, a worker's script, whose end is told
// elsewhere.
const endless = 5 * time.Second

// traffic knows whether the page asks the network for anything.
type traffic struct {
	mu sync.Mutex
	// under are the requests under way, each with for how much page time it has been.
	under map[proto.NetworkRequestID]time.Duration
	// begun says that there was a request since it was last asked, even if that has ended.
	begun bool
}

// watchTraffic listens until the page is gone.
func watchTraffic(page *rod.Page) *traffic {
	t := &traffic{under: map[proto.NetworkRequestID]time.Duration{}}
	events := page.Event()
	go func() {
		for e := range events {
			t.note(e)
		}
	}()
	return t
}

func (t *traffic) note(e *rod.Message) {
	var begin proto.NetworkRequestWillBeSent
	var end proto.NetworkLoadingFinished
	var failure proto.NetworkLoadingFailed
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case e.Load(&begin):
		// What is loaded while it plays, or pushed for as long as the page stands, is never done.
		if begin.Type == proto.NetworkResourceTypeMedia || begin.Type == proto.NetworkResourceTypeEventSource {
			return
		}
		t.under[begin.RequestID], t.begun = 0, true
	case e.Load(&end):
		delete(t.under, end.RequestID)
	case e.Load(&failure):
		delete(t.under, failure.RequestID)
	}
}

// passed says that page time has passed, and reports whether the network was busy in it.
func (t *traffic) passed(d time.Duration) (busy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	busy, t.begun = t.begun, false
	for id, age := range t.under {
		if age < endless {
			busy = true
		}
		t.under[id] = age + d
	}
	return busy
}
