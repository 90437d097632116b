package renders

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// heldFor is how long a command waits for rows that somebody holds, the app in an open transaction
// for instance.
const heldFor = "3s"

// ErrHeld says that nothing was changed, because another transaction held the rows for too long.
var ErrHeld = errors.New("another transaction has held its rows for " + heldFor + ": try again when that has ended")

// Beginner begins transactions: a pool or, with savepoints, a transaction.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// UnlessHeld runs f in a transaction that waits for held rows for heldFor, and then fails.
func UnlessHeld(ctx context.Context, db Beginner, f func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('lock_timeout', $1::text, true)", heldFor); err != nil {
			return err
		}
		return f(tx)
	})
	if postgres.Locked(err) {
		return ErrHeld
	}
	return err
}
