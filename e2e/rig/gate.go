package rig

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// Gate holds HTTP requests until the test opens it: a task that waits for one is caught midway.
type Gate struct {
	mu     sync.Mutex
	held   int
	opened chan struct{} // closed while the gate is open
}

func newGate() *Gate { return &Gate{opened: make(chan struct{})} }

// hold returns when the gate is open, or with ctx's error when whoever waited has gone.
func (g *Gate) hold(ctx context.Context) error {
	opened := g.enter()
	defer g.leave()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) enter() (opened chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held++
	return g.opened
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held--
}

// Held returns how many requests stand at the gate.
func (g *Gate) Held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// Await waits until at least n requests stand at the gate at once.
func (g *Gate) Await(t testing.TB, n int) {
	t.Helper()
	Eventually(t, fmt.Sprintf("%d requests stand at the gate", n), func() bool { return g.Held() >= n })
}

// AwaitEmpty waits until nobody stands at the closed gate: whoever did has given up.
func (g *Gate) AwaitEmpty(t testing.TB) {
	t.Helper()
	Eventually(t, "nobody stands at the gate", func() bool { return g.Held() == 0 })
}

// Open lets everybody through, from now on.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isOpen() {
		close(g.opened)
	}
}

// Close holds whoever comes from now on.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isOpen() {
		g.opened = make(chan struct{})
	}
}

func (g *Gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}
