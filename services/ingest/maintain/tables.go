package maintain

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// measure measures the tables, from statistics and file sizes. Vacuum keeps them free of bloat
// (migrations/0011_history.sql): dead rows that grow show that it does not run, or that a
// transaction that was begun long ago keeps it from removing anything.
func (m *Maintainer) measure(ctx context.Context, _ func(string, int)) error {
	found, err := m.DB.Query(ctx, `select format('%s.%s', schemaname, relname), n_live_tup::float8, n_dead_tup::float8, pg_total_relation_size(relid)::float8
		from pg_stat_user_tables where schemaname = 'loom' or schemaname = 'public' and relname in ('campaigns', 'scenes', 'renders', 'render_jobs')`)
	if err != nil {
		return fmt.Errorf("measure tables: %w", err)
	}
	var table string
	var live, dead, bytes float64
	_, err = pgx.ForEachRow(found, []any{&table, &live, &dead, &bytes}, func() error {
		for name, value := range map[string]float64{"rows": live, "dead": dead, "bytes": bytes} {
			m.Metrics.tables[name].WithLabelValues(table).Set(value)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("measure tables: %w", err)
	}
	return nil
}
