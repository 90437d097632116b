package schedule

import (
	"context"
	"sync"
	"time"
)

const (
	// gatherFor is how long the first of a batch waits for others.
	gatherFor = 2 * time.Millisecond
	// gatherMost is how many a batch has at most.
	gatherMost = 64
	// gatherTries is how often one is in a batch. Another replica's batch may hold its render.
	gatherTries = 3
)

// gatherer does what several callers want in one call: a statement and a commit for all of them. A
// batch grows while another is under way.
type gatherer[Q, A any] struct {
	// all does a batch. It returns an answer for each, or an error for all of them. The zero answer
	// says that it was left out: it is in the next batch, too, and then left to its caller.
	all func(ctx context.Context, list []Q) ([]A, error)
	// isLeftOut reports whether an answer is the zero one.
	isLeftOut func(A) bool
	// within bounds a batch.
	within time.Duration
	// gate is held by a batch. Gatherers whose batches would be in each other's way share it.
	gate *sync.Mutex

	mu      sync.Mutex
	waiting []*gathered[Q, A]
	running bool
}

type gathered[Q, A any] struct {
	query  Q
	tries  int
	answer A
	err    error
	done   chan struct{}
}

// do adds q to a batch and returns its answer.
func (g *gatherer[Q, A]) do(ctx context.Context, q Q) (answer A, err error) {
	one := &gathered[Q, A]{query: q, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, one)
	if !g.running {
		g.running = true
		go g.run(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case <-one.done:
		return one.answer, one.err
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

// run does batches until nobody waits.
func (g *gatherer[Q, A]) run(ctx context.Context) {
	time.Sleep(gatherFor)
	for g.batch(ctx) {
	}
}

// batch does a batch. It returns false when nobody waits.
func (g *gatherer[Q, A]) batch(ctx context.Context) bool {
	g.gate.Lock()
	defer g.gate.Unlock()
	batch := g.take()
	if len(batch) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, g.within)
	defer cancel()
	list := make([]Q, len(batch))
	for i, one := range batch {
		list[i] = one.query
	}
	answers, err := g.all(ctx, list)
	var again []*gathered[Q, A]
	for i, one := range batch {
		one.tries++
		if err == nil && g.isLeftOut(answers[i]) && one.tries < gatherTries {
			again = append(again, one)
			continue
		}
		if one.err = err; err == nil {
			one.answer = answers[i]
		}
		close(one.done)
	}
	g.mu.Lock()
	g.waiting = append(again, g.waiting...)
	g.mu.Unlock()
	return true
}

// take returns those of a batch, and ends the run when there are none.
func (g *gatherer[Q, A]) take() []*gathered[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), gatherMost)
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	g.running = n > 0
	return batch
}
