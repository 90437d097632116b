package capture

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// requests knows which of the page's requests are under way, and since when.
type requests struct {
	mu        sync.Mutex
	start     map[proto.NetworkRequestID]time.Time
	forgotten map[proto.NetworkRequestID]time.Time
}

func watchRequests(c *cdp.Client, session proto.TargetSessionID) *requests {
	r := &requests{start: map[proto.NetworkRequestID]time.Time{}, forgotten: map[proto.NetworkRequestID]time.Time{}}
	cdp.On(c, session, func(e *proto.NetworkRequestWillBeSent) { r.begin(e.RequestID) })
	cdp.On(c, session, func(e *proto.NetworkLoadingFinished) { r.end(e.RequestID) })
	cdp.On(c, session, func(e *proto.NetworkLoadingFailed) { r.end(e.RequestID) })
	return r
}

func (r *requests) begin(id proto.NetworkRequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start[id] = time.Now()
}

func (r *requests) end(id proto.NetworkRequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.start, id)
	delete(r.forgotten, id)
}

// under returns the requests that are under way.
func (r *requests) under() []proto.NetworkRequestID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.start))
}

// forget takes requests for ended that Chrome itself does not wait for: a video that is loaded as it plays, a worker's
// script, whose end is told elsewhere. Time passed while they were under way.
func (r *requests) forget(ids []proto.NetworkRequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if start, under := r.start[id]; under {
			delete(r.start, id)
			r.forgotten[id] = start
		}
	}
}

// recall takes the forgotten requests for under way again, when time does not pass and no other is: a few steps of the load
// pass before Chrome begins to wait for one.
func (r *requests) recall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.start) == 0 {
		r.start, r.forgotten = r.forgotten, r.start
	}
}

// pending counts the requests that have been under way for less than patience, and those for longer.
func (r *requests) pending(patience time.Duration) (young, overdue int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, start := range r.start {
		if time.Since(start) < patience {
			young++
		} else {
			overdue++
		}
	}
	return young, overdue
}
