package bundle

import (
	"sync"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// firstRequests and lastRequests are how many requests are kept.
const firstRequests, lastRequests = 200, 800

// network keeps the page's requests.
type network struct {
	scrub *scrubber

	mu       sync.Mutex
	requests ends[*request]
	// open are those kept requests that have not ended.
	open map[proto.NetworkRequestID]*request
}

// request is one request, in real time: the page's own time stands still while it waits for
// answers.
type request struct {
	id       proto.NetworkRequestID
	method   string
	url      raw
	resource string

	begin, answer, end time.Time
	status             int
	statusText         string
	protocol, mime     string
	cached             bool
	bytes              float64
	redirect           raw
	failure            string
}

func newNetwork(s *scrubber) *network {
	return &network{
		scrub: s, requests: ends[*request]{first: firstRequests, last: lastRequests},
		open: map[proto.NetworkRequestID]*request{},
	}
}

// watch listens to a page's session. Network must be enabled.
func (n *network) watch(client *cdp.Client, session proto.TargetSessionID) {
	cdp.On(client, session, func(e *proto.NetworkRequestWillBeSent) {
		n.change(e.RequestID, func(r *request) {
			if e.RedirectResponse != nil {
				r.answered(e.RedirectResponse)
				r.end, r.redirect = r.answer, n.scrub.trimURL(e.Request.URL)
			}
		})
		n.begin(&request{
			id: e.RequestID, method: e.Request.Method, url: n.scrub.trimURL(e.Request.URL), resource: string(e.Type),
		})
	})
	cdp.On(client, session, func(e *proto.NetworkResponseReceived) {
		n.change(e.RequestID, func(r *request) { r.answered(e.Response) })
	})
	cdp.On(client, session, func(e *proto.NetworkLoadingFinished) {
		n.finish(e.RequestID, func(r *request) { r.bytes = e.EncodedDataLength })
	})
	cdp.On(client, session, func(e *proto.NetworkLoadingFailed) {
		n.finish(e.RequestID, func(r *request) {
			r.failure = e.ErrorText
			if e.BlockedReason != "" {
				r.failure += " (" + string(e.BlockedReason) + ")"
			}
		})
	})
}

func (r *request) answered(response *proto.NetworkResponse) {
	r.answer, r.status, r.statusText = time.Now(), response.Status, response.StatusText
	r.protocol, r.mime, r.cached = response.Protocol, response.MIMEType, response.FromDiskCache
}

func (n *network) begin(r *request) {
	r.begin = time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[r.id] = r
	if gone, full := n.requests.add(r); full && n.open[gone.id] == gone {
		delete(n.open, gone.id)
	}
}

// change changes a request that is under way, if it is one that is kept.
func (n *network) change(id proto.NetworkRequestID, f func(*request)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.open[id]; r != nil {
		f(r)
	}
}

func (n *network) finish(id proto.NetworkRequestID, f func(*request)) {
	n.change(id, func(r *request) {
		f(r)
		r.end = time.Now()
		delete(n.open, id)
	})
}

// counts returns how many requests are kept, how many of them are under way, and how many were left
// out.
func (n *network) counts() (kept, open, dropped int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.requests.head) + len(n.requests.tail), len(n.open), n.requests.Dropped
}
