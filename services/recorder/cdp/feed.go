package cdp

import (
	"context"
	"sync"

	"github.com/go-rod/rod"
	rodcdp "github.com/go-rod/rod/lib/cdp"
)

// feed is the client as rod needs it.
type feed struct {
	*Client
	ctx context.Context

	mu     sync.Mutex
	events chan *rodcdp.Event
	ended  bool
}

// Rod returns the client for a rod whose calls have the context ctx. Its events end with ctx, and
// when Chrome is gone. A client has one rod at a time: the last one gets the events.
func (c *Client) Rod(ctx context.Context) rod.CDPClient {
	f := &feed{Client: c, ctx: ctx, events: make(chan *rodcdp.Event, 64)}
	c.mu.Lock()
	c.feed = f
	gone := c.err != nil
	c.mu.Unlock()
	if gone {
		f.end()
		return f
	}
	context.AfterFunc(ctx, f.end)
	return f
}

// Event returns all events as JSON. They must be read until ctx ends.
func (f *feed) Event() <-chan *rodcdp.Event { return f.events }

// send gives rod an event, unless ctx has ended.
func (f *feed) send(e *rodcdp.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	select {
	case f.events <- e:
	case <-f.ctx.Done():
	}
}

// end ends the events.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.ended = true
		close(f.events)
	}
}
