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
	end context.CancelFunc // ends ctx, and with it the events

	mu     sync.Mutex
	events chan *rodcdp.Event
	ended  bool
}

// Rod returns the client for a rod whose calls have the context ctx. Its events end with ctx, when
// Chrome is gone, and when Rod is called again: a client has one rod at a time.
func (c *Client) Rod(ctx context.Context) rod.CDPClient {
	f := &feed{Client: c, events: make(chan *rodcdp.Event, 64)}
	f.ctx, f.end = context.WithCancel(ctx)
	context.AfterFunc(f.ctx, f.close)
	c.mu.Lock()
	before, gone := c.feed, c.err != nil
	c.feed = f
	c.mu.Unlock()
	if before != nil {
		before.end()
	}
	if gone {
		f.end()
	}
	return f
}

// Event returns all events as JSON. They must be read until they end.
func (f *feed) Event() <-chan *rodcdp.Event { return f.events }

// give gives rod an event, unless the events have ended.
func (f *feed) give(e *rodcdp.Event) {
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

// close closes the events, once their context has ended.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	close(f.events)
}
