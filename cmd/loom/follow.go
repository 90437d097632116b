package main

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/cmd/loom/progress"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

const (
	// lookEvery is how often a render is read.
	lookEvery = 500 * time.Millisecond
	// patience is how long the database may be away.
	patience = time.Minute
	// unclaimedAfter is when the user is told that no ingest has claimed the job.
	unclaimedAfter = 15 * time.Second
)

// follower shows the progress of a render that has just been submitted until it has ended.
type follower struct {
	db  *pgxpool.Pool
	id  uuid.UUID
	app *app
	// failed is closed when the render cannot go on because loom-lite, in this process, has failed;
	// nil: elsewhere.
	failed <-chan struct{}
}

// follow returns the render as it ended, with its tasks, or its last known state and an error.
func (f *follower) follow(ctx context.Context) (renders.Render, []renders.Task, error) {
	view := progress.New(f.app.stderr, f.app.terminal)
	defer view.Close()
	// As submitted: it may be claimed before the first read.
	last := renders.Render{ID: f.id, Status: "queued"}
	view.Update(last, nil)
	begun, seen, told := time.Now(), time.Now(), false
	for {
		r, tasks, err := f.look(ctx)
		switch {
		case err == nil:
			last, seen = r, time.Now()
			view.Update(r, renders.Stages(tasks))
			if r.Ended() {
				return r, tasks, nil
			}
		case ctx.Err() != nil:
			return last, nil, context.Canceled
		case errors.Is(err, renders.ErrNotFound) || errors.Is(err, renders.ErrNotMigrated) || time.Since(seen) > patience:
			return last, nil, err
		}
		if last.Status == "queued" && !told && time.Since(begun) > unclaimedAfter {
			told = true
			f.app.say("nobody has claimed the render yet: is ingest running on this database, and is it busy?")
		}
		select {
		case <-ctx.Done():
			return last, nil, context.Canceled
		case <-f.failed:
			return last, nil, errors.New("loom-lite stopped in the middle of the render")
		case <-time.After(lookEvery):
		}
	}
}

func (f *follower) look(ctx context.Context) (renders.Render, []renders.Task, error) {
	r, err := renders.Get(ctx, f.db, f.id)
	if err != nil {
		return r, nil, err
	}
	tasks, err := renders.Tasks(ctx, f.db, f.id)
	return r, tasks, err
}
