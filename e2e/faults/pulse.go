package faults

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// beatEvery is how often the suite looks how late it is itself.
	beatEvery = 100 * time.Millisecond
	// busyAfter is how late it may be on a machine that keeps up. What is judged takes a dozen
	// such steps: from a row to ingest, to NATS, to a worker, and back.
	busyAfter = 50 * time.Millisecond
	// muchTooLate times a bound is too late on any machine.
	muchTooLate = 4
)

// pulse knows when the machine was too busy to judge anything by the clock: the suite itself was
// late then, though all that it did was to wait for a moment and to ask Postgres for nothing.
type pulse struct {
	mu    sync.Mutex
	beats []beat
}

// beat is a moment at which the suite should have been done, and when it was.
type beat struct{ due, done time.Time }

// run takes the pulse until ctx ends.
func (p *pulse) run(ctx context.Context, db *pgxpool.Pool) {
	for {
		due := time.Now().Add(beatEvery)
		if !pause(ctx, beatEvery) {
			return
		}
		_, _ = db.Exec(ctx, "select")
		p.mu.Lock()
		p.beats = append(p.beats, beat{due, time.Now()})
		p.mu.Unlock()
	}
}

// busy reports whether the machine was busy at some time from one moment to another.
func (p *pulse) busy(from, to time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.beats {
		if b.done.Sub(b.due) > busyAfter && b.done.After(from) && b.due.Before(to) {
			return true
		}
	}
	return false
}

// judge notes how long something took, and that it was late if it took longer than its bound on a
// machine that kept up meanwhile.
func (r *Run) judge(what string, from, to time.Time, bound time.Duration, format string, args ...any) {
	took := to.Sub(from)
	r.longest(what, took)
	switch {
	case took <= bound:
	case took <= muchTooLate*bound && r.pulse.busy(from, from.Add(bound)):
		r.count("late, on a busy machine", 1)
	default:
		r.found(Late, "%s after %.1f s, and not within %s", fmt.Sprintf(format, args...), took.Seconds(), bound)
	}
}
