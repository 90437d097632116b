package rig

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// Hold holds HTTP requests until the test releases them: a task that waits for one is caught
// midway.
type Hold struct {
	mu       sync.Mutex
	waiting  int
	released chan struct{} // closed while requests go through
}

func newHold() *Hold { return &Hold{released: make(chan struct{})} }

// wait returns when requests go through, or with ctx's error when the client has gone.
func (h *Hold) wait(ctx context.Context) error {
	released := h.enter()
	defer h.leave()
	select {
	case <-released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hold) enter() (released chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting++
	return h.released
}

func (h *Hold) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
}

// Waiting returns how many requests are held.
func (h *Hold) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// Await waits until at least n requests are held at once.
func (h *Hold) Await(t testing.TB, n int) {
	t.Helper()
	Eventually(t, fmt.Sprintf("%d requests are held", n), func() bool { return h.Waiting() >= n })
}

// AwaitNone waits until no request is held, because their clients have given up.
func (h *Hold) AwaitNone(t testing.TB) {
	t.Helper()
	Eventually(t, "no request is held", func() bool { return h.Waiting() == 0 })
}

// Release lets the held requests through, and all that follow.
func (h *Hold) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.isReleased() {
		close(h.released)
	}
}

// Resume holds the requests that come from now on.
func (h *Hold) Resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isReleased() {
		h.released = make(chan struct{})
	}
}

func (h *Hold) isReleased() bool {
	select {
	case <-h.released:
		return true
	default:
		return false
	}
}
