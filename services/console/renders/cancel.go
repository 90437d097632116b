package renders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
)

// Cancel ends a render and its jobs, and returns its status then. Its workers stop within seconds.
// It does nothing to a render that has ended.
func Cancel(ctx context.Context, db Beginner, id uuid.UUID) (cancelled bool, status string, err error) {
	err = changing(ctx, db, id, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select cancelled, status from loom.stop_render($1::uuid)", id).Scan(&cancelled, &status); err != nil || !cancelled {
			return err
		}
		return audit.Record(ctx, tx, "render.cancel", Target(id), nil)
	})
	if err != nil {
		return false, "", explain("cancel render", err)
	}
	return cancelled, status, nil
}

// Priority bounds, as render_jobs.priority has them for the API: a job of a higher one is started
// first.
const (
	LeastPriority = -1000
	MostPriority  = 1000
)

// SetPriority gives a render another priority, and its queued jobs.
func SetPriority(ctx context.Context, db Beginner, id uuid.UUID, priority int) error {
	if priority < LeastPriority || priority > MostPriority {
		return fmt.Errorf("set priority: %d is not from %d to %d", priority, LeastPriority, MostPriority)
	}
	err := changing(ctx, db, id, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select loom.set_priority($1::uuid, $2::int)", id, priority); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "render.priority", Target(id), audit.Detail{"priority": priority})
	})
	return explain("set priority", err)
}

// changing runs f, which changes a render, in a transaction. It returns ErrNotFound for one that is
// not there, or that the principal of ctx may not see.
func changing(ctx context.Context, db Beginner, id uuid.UUID, f func(tx pgx.Tx) error) error {
	err := UnlessHeld(ctx, db, func(tx pgx.Tx) error {
		var there bool
		err := tx.QueryRow(ctx, "select true from public.renders r left join public.campaigns c on c.id = r.campaign_id where r.id = $1::uuid and "+visible,
			id, access.Owner(ctx)).Scan(&there)
		if err != nil {
			return err
		}
		return f(tx)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
