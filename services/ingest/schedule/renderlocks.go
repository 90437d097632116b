package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// errLocked says that somebody else has locked rows of a render, the app in an open transaction for
// instance. Nothing was changed.
var errLocked = errors.New("somebody holds the render's rows")

// lockedRetry is how soon rows that were locked are tried again.
const lockedRetry = time.Second

// renderLocks keeps a render whose rows are locked from delaying other renders. Calls for one
// render run one at a time, so that at most one connection waits for its rows. When that call gives
// up waiting, calls for the render fail with errLocked for lockedRetry, without asking the
// database.
type renderLocks struct {
	mu      sync.Mutex
	renders map[uuid.UUID]*renderLock
}

type renderLock struct {
	running     chan struct{} // has room for the call that runs
	calls       int           // running and waiting
	lockedUntil time.Time     // until then the rows count as locked
	lockedSince time.Time     // the first of the calls in a row that have found them locked
}

// heldAfter is how long a render's rows may be locked before others no longer wait for what it
// makes.
func heldAfter(lease time.Duration) time.Duration { return max(2*lockedRetry, lease/3) }

func newRenderLocks() *renderLocks { return &renderLocks{renders: map[uuid.UUID]*renderLock{}} }

// do calls f when no other call for the render runs. It returns errLocked if the rows are locked.
func (l *renderLocks) do(ctx context.Context, render uuid.UUID, f func() error) error {
	lock := l.enter(render)
	defer l.leave(render, lock)
	select {
	case lock.running <- struct{}{}:
		defer func() { <-lock.running }()
	case <-ctx.Done():
		return fmt.Errorf("wait for other calls for the render: %w", ctx.Err())
	}
	if l.isLocked(lock) {
		return errLocked
	}
	err := f()
	if err == nil {
		l.mu.Lock()
		lock.lockedUntil = time.Time{}
		l.mu.Unlock()
	}
	if postgres.Locked(err) {
		l.mu.Lock()
		if !lock.recent() {
			lock.lockedSince = time.Now()
		}
		lock.lockedUntil = time.Now().Add(lockedRetry)
		l.mu.Unlock()
		return fmt.Errorf("%w: %w", errLocked, err)
	}
	return err
}

// locked lists the renders whose rows count as locked, and forgets the others that have no calls.
func (l *renderLocks) locked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []string{}
	for render, lock := range l.renders {
		switch {
		case time.Now().Before(lock.lockedUntil):
			list = append(list, render.String())
		case lock.calls == 0 && !lock.recent():
			delete(l.renders, render)
		}
	}
	return list
}

// held lists the renders whose rows have been locked for at least d.
func (l *renderLocks) held(d time.Duration) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []string{}
	for render, lock := range l.renders {
		if lock.recent() && time.Since(lock.lockedSince) >= d {
			list = append(list, render.String())
		}
	}
	return list
}

// recent reports whether the rows were found locked a moment ago, and not found free since.
func (l *renderLock) recent() bool {
	return !l.lockedUntil.IsZero() && time.Since(l.lockedUntil) < 3*lockedRetry
}

func (l *renderLocks) isLocked(lock *renderLock) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(lock.lockedUntil)
}

func (l *renderLocks) enter(render uuid.UUID) *renderLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock := l.renders[render]
	if lock == nil {
		lock = &renderLock{running: make(chan struct{}, 1)}
		l.renders[render] = lock
	}
	lock.calls++
	return lock
}

func (l *renderLocks) leave(render uuid.UUID, lock *renderLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock.calls--
	if lock.calls == 0 && !lock.recent() {
		delete(l.renders, render)
	}
}
