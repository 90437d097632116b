package control

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// owners is how many users have queued the backlog.
const owners = 100

// fill makes a history of renders that have ended and a backlog of queued ones, by SQL.
func fill(ctx context.Context, db *pgxpool.Pool, l *loom, job Job) error {
	for left := job.History; left > 0; left -= historyAtOnce {
		if _, err := db.Exec(ctx, history, min(left, historyAtOnce)); err != nil {
			return fmt.Errorf("make a history: %w", err)
		}
	}
	for range min(owners, job.Backlog) {
		if _, err := l.submit(ctx, job.Backlog/min(owners, job.Backlog), job.Scenes); err != nil {
			return err
		}
	}
	if job.History+job.Backlog == 0 {
		return nil
	}
	if _, err := db.Exec(ctx, "vacuum analyze"); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	return nil
}

const historyAtOnce = 50_000

// history inserts $1 renders of one scene that are done, with their plans and tasks. Ten renders
// are of one campaign, and a hundred campaigns of one user. Triggers are skipped: they are of no
// use for jobs that have ended.
const history = `
with off as materialized (select set_config('session_replication_role', 'replica', true)),
     c as (insert into campaigns (name, user_id)
           select 'past', md5((n / 100)::text)::uuid from off, generate_series(1, ($1::int + 9) / 10) n returning id),
     s as (insert into scenes (campaign_id, url, duration_sec, order_index) select id, 'https://example.com/', 1, 0 from c returning 1),
     r as (insert into renders (campaign_id, status, progress, final_video_url, created_at, updated_at, completed_at)
           select id, 'done', 100, 'http://videos/v.mp4', now() - interval '2 days', now() - interval '2 days', now() - interval '2 days'
             from c cross join generate_series(1, 10) returning id),
     j as (insert into render_jobs (render_id, state, created_at, completed_at)
           select id, 'completed', now() - interval '2 days', now() - interval '2 days' from r returning id, render_id),
     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries, outcome, created_at, ended_at, swept_at)
           select gen_random_uuid(), render_id, id, '{"scenes": []}', 3, 'done', now() - interval '2 days', now() - interval '2 days', now()
             from j returning id, render_id),
     t as (insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, attempt, keys, facts, started_at, ended_at)
           select gen_random_uuid(), p.id, p.render_id, k.kind, 0, '{}', 1, 'done', 1, '{}', '{}', now() - interval '2 days', now() - interval '2 days'
             from p cross join (values ('record'), ('normalize'), ('concat'), ('upload')) k (kind) returning id)
insert into loom.attempts (task_id, attempt, worker, granted_at, ended_at, outcome)
select id, 1, 'past', now() - interval '2 days', now() - interval '2 days', 'done' from t`
