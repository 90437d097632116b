package claim

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// querier is a database that can be queried: a pool or a connection.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Ready returns nil while jobs can be claimed. If jobs were set aside and no render could be
// planned since, the fault is not in one job: Ready returns a StuckError, which names objects of
// the schema but quotes no data. It ignores jobs that waited for a lock, and jobs that were refused
// a while ago and not retried when they were due.
func Ready(ctx context.Context, db querier) error {
	var reason, code string
	var jobs int
	err := db.QueryRow(ctx, `
		select (array_agg(a.reason order by a.last_at desc))[1], (array_agg(a.code order by a.last_at desc))[1], count(*)
		  from loom.set_aside a
		 where a.not_before > clock_timestamp() - interval '1 minute'
		   and a.code !~ '^(40|55|57014)'
		   and not exists (select from loom.plans p where p.created_at > a.first_at)
		having count(*) > 0`).Scan(&reason, &code, &jobs)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for jobs that were set aside: %w", err)
	}
	// Messages of other classes quote the refused data.
	if !postgres.InClass(code, "42") {
		reason = "SQLSTATE " + code + ", see loom.set_aside"
	}
	return &StuckError{Jobs: jobs, Reason: reason}
}

// StuckError says that jobs were set aside, and no render could be planned since.
type StuckError struct {
	Jobs   int
	Reason string
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("jobs cannot be begun: the database refuses them (%d set aside): %s", e.Jobs, e.Reason)
}
