package main

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/cmd/loom/progress"
	"github.com/loom-lite/loom-lite/cmd/loom/remote"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

const (
	// lookEvery is how often a render is read.
	lookEvery = 500 * time.Millisecond
	// patience is how long the database, or the API, may be away.
	patience = time.Minute
	// unclaimedAfter is when the user is told that no ingest has claimed the job.
	unclaimedAfter = 15 * time.Second
)

// follower shows the progress of a render that has just been submitted until it has ended.
type follower struct {
	in  deployment
	id  uuid.UUID
	app *app
	// failed is closed when the render cannot go on because loom-lite, in this process, has failed;
	// nil: elsewhere.
	failed <-chan struct{}
}

// follow returns the render as it ended, or its last known state and an error.
func (f *follower) follow(ctx context.Context) (renders.Report, error) {
	view := progress.New(f.app.stderr, f.app.terminal)
	defer view.Close()
	// As submitted: it may be claimed before the first read.
	last := renders.Report{Render: renders.Render{ID: f.id, Status: "queued"}}
	view.Update(last.Render, nil)
	begun, seen, told := time.Now(), time.Now(), false
	for {
		r, err := f.in.Report(ctx, f.id)
		switch {
		case err == nil:
			last, seen = r, time.Now()
			view.Update(r.Render, r.Stages)
			if r.Render.Ended() {
				return r, nil
			}
		case ctx.Err() != nil:
			return last, context.Canceled
		case errors.Is(err, renders.ErrNotFound) || errors.Is(err, renders.ErrNotMigrated) || errors.Is(err, remote.ErrRefused) || time.Since(seen) > patience:
			return last, err
		}
		if last.Render.Status == "queued" && !told && time.Since(begun) > unclaimedAfter {
			told = true
			f.app.say("nobody has claimed the render yet: is ingest running, and is it busy?")
		}
		select {
		case <-ctx.Done():
			return last, context.Canceled
		case <-f.failed:
			return last, errors.New("loom-lite stopped in the middle of the render")
		case <-time.After(lookEvery):
		}
	}
}
