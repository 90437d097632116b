package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// What is asked of the database every second reads what goes on, not what there ever was.
func TestWhatIsAskedEverySecondReadsNoHistory(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated.Database(t))
	exec(t, conn, `
		with c as (insert into campaigns (name) values ('past') returning id),
		     r as (insert into renders (campaign_id, status) select c.id, 'done' from c, generate_series(1, 20000) returning id),
		     j as (insert into render_jobs (render_id, state) select id, 'completed' from r returning id, render_id)
		insert into loom.plans (id, render_id, job_id, campaign, max_retries, outcome, ended_at)
		select gen_random_uuid(), render_id, id, '{}', 3, 'done', now() - interval '1 day' from j`)
	exec(t, conn, "insert into render_jobs (render_id) select id from renders limit 20")
	exec(t, conn, "analyze")
	for name, sql := range map[string]string{
		"claiming":              "select loom.next_job()",
		"the Node worker":       "select claim_render_job()",
		"plans the app ended":   "select loom.close_ended_plans()",
		"cancels":               "select loom.cancel_requested()",
		"renders in flight":     "select count(*) from loom.plans where ended_at is null",
		"what ended just now":   "select count(*) from loom.plans where ended_at is null or ended_at > now() - interval '10 seconds'",
		"the end of one render": "select loom.close_jobs(render_id, id, 'done', null) from (select render_id, id from render_jobs where state = 'queued' limit 1) as j",
	} {
		err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			before := scanned(t, conn)
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
			if read := scanned(t, conn) - before; read > 1000 {
				t.Errorf("%s: %d rows are read", name, read)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// scanned is how many rows this session has read by going through whole tables.
func scanned(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	return get[int](t, conn, `select coalesce(sum(seq_tup_read), 0)::int from pg_stat_xact_user_tables
		where relname in ('renders', 'render_jobs', 'plans', 'tasks')`)
}
