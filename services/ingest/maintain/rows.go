package maintain

import (
	"context"
	"errors"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// batch is how many rows are deleted at once.
const batch = 1000

// obsolete are rows that say nothing any more: statements that delete at most $1 of them and return
// how many.
var obsolete = []struct{ table, sql string }{
	// Of leases that were renewed beside their task's row, and ran out.
	{"loom.heard", deleted("loom.heard", "task_id", "t.lease_until < clock_timestamp() - interval '1 hour'")},
	// Of preflights, whose pictures are deleted at the same age: nothing refers to them.
	{"loom.preflights", deleted("loom.preflights", "id", "t.created_at < clock_timestamp() - interval '20 hours'")},
	{"loom.last_turns", "select loom.forget_turns($1::int)"},
	// Of workers that nobody has heard of for a week.
	{"loom.workers", deleted("loom.workers", "worker, stage", "t.heard_at < clock_timestamp() - interval '7 days'")},
	// Of tools that no worker has had for a month: what was made with them is long gone.
	{"loom.tools", deleted("loom.tools", "kind, tools",
		"t.seen_at < (select max(l.seen_at) from loom.tools l where l.kind = t.kind) - interval '30 days'")},
}

// deleted returns a statement that deletes rows t of a table, and skips those that are locked.
func deleted(table, key, where string) string {
	return fmt.Sprintf(`with d as (delete from %s where (%s) in (select %s from %s t where %s limit $1::int for update skip locked) returning 1)
		select count(*)::int from d`, table, key, key, table, where)
}

// rows deletes rows that say nothing any more. Most are deleted by what makes them obsolete; these
// are those that nothing else finds.
func (m *Maintainer) rows(ctx context.Context, removed func(string, int)) error {
	var errs []error
	for _, o := range obsolete {
		for {
			var n int
			if err := m.DB.QueryRow(ctx, o.sql, batch).Scan(&n); err != nil {
				errs = append(errs, fmt.Errorf("delete from %s: %w", o.table, err))
				break
			}
			removed(rows, n)
			if n < batch || !retry.Sleep(ctx, pagePause) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// forgetAudit deletes what the audit log has of longer ago than Audit.
func (m *Maintainer) forgetAudit(ctx context.Context, removed func(string, int)) error {
	for {
		var n int
		err := m.DB.QueryRow(ctx, "select loom.forget_audit(make_interval(secs => $1::float8), $2::int)", m.Audit.Seconds(), batch).Scan(&n)
		if err != nil {
			return fmt.Errorf("delete old entries of the audit log: %w", err)
		}
		removed(rows, n)
		if n < batch || !retry.Sleep(ctx, pagePause) {
			return nil
		}
	}
}
