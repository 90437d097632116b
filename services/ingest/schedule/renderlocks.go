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

// errHeld says that somebody else holds rows of a render: the app in an open transaction, say.
// Nothing was changed.
var errHeld = errors.New("somebody holds the render's rows")

// heldAgain is how soon rows that were held are tried again.
const heldAgain = time.Second

// lanes keeps a render whose rows somebody holds from standing in the way of others. Calls for one
// render follow one another, so that no more than one connection waits for its rows; when that was
// in vain, the others are refused without asking the database, for a moment. What is known of a
// render is forgotten when the moment is over.
type lanes struct {
	mu sync.Mutex
	of map[uuid.UUID]*lane
}

type lane struct {
	// turn has room for whose turn it is.
	turn  chan struct{}
	users int
	held  time.Time // until when its rows are believed to be held
}

func newLanes() *lanes { return &lanes{of: map[uuid.UUID]*lane{}} }

// do calls f in the render's turn. Its error is errHeld when its rows are held.
func (l *lanes) do(ctx context.Context, render uuid.UUID, f func() error) error {
	n := l.enter(render)
	defer l.leave(render, n)
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the render's turn: %w", ctx.Err())
	}
	if l.isHeld(n) {
		return errHeld
	}
	err := f()
	if postgres.Locked(err) {
		l.mu.Lock()
		n.held = time.Now().Add(heldAgain)
		l.mu.Unlock()
		return fmt.Errorf("%w: %w", errHeld, err)
	}
	return err
}

// held lists the renders whose rows are believed to be held.
func (l *lanes) held() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []string{}
	for render, n := range l.of {
		switch {
		case time.Now().Before(n.held):
			list = append(list, render.String())
		case n.users == 0:
			delete(l.of, render)
		}
	}
	return list
}

func (l *lanes) isHeld(n *lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(n.held)
}

func (l *lanes) enter(render uuid.UUID) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.of[render]
	if n == nil {
		n = &lane{turn: make(chan struct{}, 1)}
		l.of[render] = n
	}
	n.users++
	return n
}

func (l *lanes) leave(render uuid.UUID, n *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.users--
	if n.users == 0 && !time.Now().Before(n.held) {
		delete(l.of, render)
	}
}
