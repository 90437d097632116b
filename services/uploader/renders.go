package uploader

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Verdicts of loom.finish_render.
const (
	accepted = "accepted"
	already  = "already"
	stale    = "stale"
)

// callTimeout bounds one call to Postgres, the wait for a connection included.
const callTimeout = 10 * time.Second

// renders closes renders in Postgres.
type renders struct{ pool *pgxpool.Pool }

// finish closes the upload task, its render and its job together, if attempt is the task's current
// one. It may be called again after an error: one that was carried out all the same is already.
func (r renders) finish(ctx context.Context, task uuid.UUID, attempt int, at urls, facts []byte) (verdict string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// Text and casts: they need no look-up of types, which poolers in transaction mode do not
	// allow.
	err = r.pool.QueryRow(ctx, "select loom.finish_render($1::text::uuid, $2::int, $3::text, $4::text, $5::text::jsonb, $6::text)",
		task.String(), attempt, at.video, at.thumbnail, string(facts), at.small).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("close the render in Postgres: %w", err)
	}
	return verdict, nil
}

// begin writes down what an attempt is about to copy, so that it is deleted again should the render
// end otherwise than done. False: the attempt is not wanted any more.
func (r renders) begin(ctx context.Context, task uuid.UUID, attempt int, files []file) (wanted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	type place struct {
		Bucket string `json:"bucket"`
		Key    string `json:"key"`
	}
	places := make([]place, 0, len(files))
	for _, f := range files {
		places = append(places, place{f.bucket, f.key})
	}
	text, err := json.Marshal(places)
	if err != nil {
		return false, fmt.Errorf("write down the copies: %w", err)
	}
	err = r.pool.QueryRow(ctx, "select loom.begin_copies($1::text::uuid, $2::int, $3::text::jsonb)",
		task.String(), attempt, string(text)).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("write down the copies: %w", err)
	}
	return wanted, nil
}

// unwanted reports whether a task's copies are nobody's: it has ended otherwise than done, or will,
// or is gone.
func (r renders) unwanted(ctx context.Context, task uuid.UUID) (unwanted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = r.pool.QueryRow(ctx, "select loom.copies_unwanted($1::text::uuid)", task.String()).Scan(&unwanted)
	if err != nil {
		return false, fmt.Errorf("look up the task: %w", err)
	}
	return unwanted, nil
}
