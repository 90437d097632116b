package uploader

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Verdicts of loom.finish_render.
const (
	accepted = "accepted"
	already  = "already"
	stale    = "stale"
)

// callTimeout bounds one call to Postgres, including the wait for a connection.
const callTimeout = 10 * time.Second

// renders calls the functions in Postgres that uploads need.
type renders struct{ pool *pgxpool.Pool }

// finish closes the upload task, its render and its job in one transaction, if attempt is the
// task's current one. It may be called again after an error: if the first call succeeded after all,
// the verdict is already.
func (r renders) finish(ctx context.Context, task uuid.UUID, attempt int, at urls, facts []byte) (verdict string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// Texts with casts need no look-up of types, which works through a transaction pooler too.
	err = r.pool.QueryRow(ctx, `select loom.finish_render($1::text::uuid, $2::int, $3::text, $4::text, $5::text::jsonb, $6::text,
			nullif($7::text, ''), nullif($8::text, ''), nullif($9::text, ''))`,
		task.String(), attempt, at[msg.Video], at[msg.Thumbnail], string(facts), at[msg.ThumbnailSmall],
		at[msg.PreviewGIF], at[msg.PreviewWebP], at[sharePage]).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("close the render in Postgres: %w", err)
	}
	return verdict, nil
}

// begin records what an attempt is about to copy, so that it is deleted if the render does not end
// as done. It returns false if the attempt is no longer wanted.
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
		return false, fmt.Errorf("record the copies: %w", err)
	}
	err = r.pool.QueryRow(ctx, "select loom.begin_copies($1::text::uuid, $2::int, $3::text::jsonb)",
		task.String(), attempt, string(text)).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("record the copies: %w", err)
	}
	return wanted, nil
}

// unwanted reports whether a task's copies belong to no render: the task is gone, or has not ended
// as done and cannot any more.
func (r renders) unwanted(ctx context.Context, task uuid.UUID) (unwanted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = r.pool.QueryRow(ctx, "select loom.copies_unwanted($1::text::uuid)", task.String()).Scan(&unwanted)
	if err != nil {
		return false, fmt.Errorf("look up the task: %w", err)
	}
	return unwanted, nil
}
