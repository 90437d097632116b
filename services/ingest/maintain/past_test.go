package maintain

import (
	"context"
	"testing"
)

// What a job reads grows with what is due, not with the renders that there ever were.
func TestJobsReadNoHistory(t *testing.T) {
	r := newRig(t)
	r.exec(`set session_replication_role = replica;
		insert into renders (id, campaign_id, status) select gen_random_uuid(), gen_random_uuid(), 'done' from generate_series(1, 100000);
		insert into loom.plans (id, render_id, campaign, max_retries, outcome, ended_at, swept_at, history)
		select gen_random_uuid(), id, '{}', 3, 'done', now() - interval '40 days', now(), '[]' from renders;
		insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state)
		select gen_random_uuid(), id, render_id, 'record', 0, '{}', 1, 'done' from loom.plans limit 20000;
		reset session_replication_role`)
	r.exec("update loom.plans set history = null where id in (select id from loom.plans limit 5)")
	r.exec("analyze loom.plans, loom.tasks, renders")
	for i := range r.jobs {
		tx, err := r.db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.DB = tx
		j := r.list()[i]
		scanned := func() (n int) {
			t.Helper()
			err := tx.QueryRow(t.Context(), "select coalesce(sum(seq_tup_read), 0)::int from pg_stat_xact_user_tables").Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := scanned()
		if err := j.run(t.Context(), func(string, int) {}); err != nil {
			t.Errorf("%s: %v", j.name, err)
		}
		if n := scanned() - before; n > 1000 {
			t.Errorf("%s reads %d rows by going through tables", j.name, n)
		}
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}
