package api

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

// watchers tells those who watch renders how far these have come. It asks the database for all of
// them at once, and only while somebody watches.
type watchers struct {
	db    *pgxpool.Pool
	log   zerolog.Logger
	every time.Duration

	mu sync.Mutex
	// asking: ask runs.
	asking bool
	of     map[uuid.UUID]map[*watcher]bool
	// by counts those of each principal.
	by map[string]int
}

// watcher watches one render.
type watcher struct {
	render uuid.UUID
	by     string
	// states has the newest state. Its ID is uuid.Nil when the render is gone.
	states chan renders.State
}

// watchEvery is how often the database is asked.
const watchEvery = 500 * time.Millisecond

// maxStreams bounds how many streams one principal has in a console.
const maxStreams = 50

// watch begins to watch a render; nil if by watches too many.
func (w *watchers) watch(render uuid.UUID, by string) *watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[by] >= maxStreams {
		return nil
	}
	one := &watcher{render: render, by: by, states: make(chan renders.State, 1)}
	w.by[by]++
	if w.of[render] == nil {
		w.of[render] = map[*watcher]bool{}
	}
	w.of[render][one] = true
	if !w.asking {
		w.asking = true
		go w.ask()
	}
	return one
}

// leave ends what watch began.
func (w *watchers) leave(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of[one.render], one)
	if len(w.of[one.render]) == 0 {
		delete(w.of, one.render)
	}
	if w.by[one.by]--; w.by[one.by] == 0 {
		delete(w.by, one.by)
	}
}

// ask asks until nobody watches.
func (w *watchers) ask() {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	failing := false
	for {
		ids := w.watched()
		if len(ids) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		states, err := renders.States(ctx, w.db, ids)
		cancel()
		if err == nil {
			w.tell(ids, states)
		} else if !failing {
			w.log.Warn().Err(err).Msg("renders not watched")
		}
		failing = err != nil
		<-ticker.C
	}
}

// watched returns the renders that somebody watches. With none, the next watcher starts ask again.
func (w *watchers) watched() (ids []uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.of {
		ids = append(ids, id)
	}
	w.asking = len(ids) > 0
	return ids
}

// tell gives each watcher the newest state, in place of one that it has not taken.
func (w *watchers) tell(ids []uuid.UUID, states []renders.State) {
	found := map[uuid.UUID]renders.State{}
	for _, s := range states {
		found[s.ID] = s
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		for one := range w.of[id] {
			select {
			case <-one.states:
			default:
			}
			one.states <- found[id]
		}
	}
}
