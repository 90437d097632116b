package maintain

import (
	"context"
	"errors"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// batch is how many rows are deleted at once.
const batch = 1000

// obsolete are rows that say nothing any more: statements that delete at most $1 of them.
var obsolete = []struct{ table, sql string }{
	// Of leases that were renewed beside their task's row, and ran out.
	{"loom.heard", `delete from loom.heard where task_id in (
		select h.task_id from loom.heard h where h.lease_until < clock_timestamp() - interval '1 hour' limit $1::int for update skip locked)`},
	// Of owners whose next turn would be the present one without them, too: see loom.next_turn.
	{"loom.last_turns", `delete from loom.last_turns where owner in (
		select l.owner from loom.last_turns l left join loom.shares s on s.owner = l.owner
		 where l.turn + 1000 / coalesce(s.weight, 1) <= (select p.last_value from loom.present_turn p) limit $1::int for update of l skip locked)`},
	// Of tools that no worker has had for a month: what was made with them is long gone.
	{"loom.tools", `delete from loom.tools where (kind, tools) in (
		select o.kind, o.tools from loom.tools o
		 where o.seen_at < (select max(l.seen_at) from loom.tools l where l.kind = o.kind) - interval '30 days' limit $1::int for update skip locked)`},
}

// rows deletes rows that say nothing any more. Most are deleted by what makes them obsolete; these
// are those that nothing else finds.
func (m *Maintainer) rows(ctx context.Context, removed func(string, int)) error {
	var errs []error
	for _, o := range obsolete {
		for {
			tag, err := m.DB.Exec(ctx, o.sql, batch)
			if err != nil {
				errs = append(errs, fmt.Errorf("delete from %s: %w", o.table, err))
				break
			}
			removed(rows, int(tag.RowsAffected()))
			if tag.RowsAffected() < batch || !retry.Sleep(ctx, pagePause) {
				break
			}
		}
	}
	return errors.Join(errs...)
}
