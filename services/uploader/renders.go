package uploader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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

// finish closes the upload task, its render and its job together, if attempt is the task's current one. It may be called
// again after an error: one that was carried out all the same is already.
func (r renders) finish(ctx context.Context, task uuid.UUID, attempt int, at urls, facts []byte) (verdict string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// Text and casts: they need no look-up of types, which poolers in transaction mode do not allow.
	err = r.pool.QueryRow(ctx, "select loom.finish_render($1::text::uuid, $2::int, $3::text, $4::text, $5::text::jsonb, $6::text)",
		task.String(), attempt, at.video, at.thumbnail, string(facts), at.small).Scan(&verdict)
	if err != nil {
		return "", fmt.Errorf("close the render in Postgres: %w", err)
	}
	return verdict, nil
}

// abandoned reports whether a task ended without being done, or is gone: no attempt of it can be granted any more.
func (r renders) abandoned(ctx context.Context, task uuid.UUID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var state string
	err := r.pool.QueryRow(ctx, "select state from loom.tasks where id = $1::text::uuid", task.String()).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up the task: %w", err)
	}
	return state == "failed" || state == "cancelled", nil
}
