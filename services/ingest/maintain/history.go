package maintain

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// thin thins the plans that ended longer ago than History. Each is a transaction of its own, so
// locks are brief however many there are.
func (m *Maintainer) thin(ctx context.Context, removed func(string, int)) error {
	type old struct {
		ID    uuid.UUID
		Ended time.Time
	}
	list := func(ctx context.Context, after old) ([]old, error) {
		found, err := m.DB.Query(ctx, `
			select id, ended_at from loom.plans
			 where history is null and swept_at is not null and ended_at < clock_timestamp() - make_interval(secs => $1::float8)
			   and (ended_at, id) > ($2::timestamptz, $3::uuid)
			 order by ended_at, id limit $4::int`, m.History.Seconds(), after.Ended, after.ID, pageSize)
		if err != nil {
			return nil, fmt.Errorf("list plans to thin: %w", err)
		}
		page, err := pgx.CollectRows(found, pgx.RowToStructByPos[old])
		if err != nil {
			return nil, fmt.Errorf("list plans to thin: %w", err)
		}
		return page, nil
	}
	return eachPage(ctx, 1, list, func(ctx context.Context, p old) error {
		var n int
		if err := m.DB.QueryRow(ctx, "select loom.thin_plan($1::uuid)", p.ID).Scan(&n); err != nil {
			return fmt.Errorf("thin plan %s: %w", p.ID, err)
		}
		removed(rows, n)
		return nil
	})
}
