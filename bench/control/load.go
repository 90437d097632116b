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
	for from := 0; from < job.History; from += historyAtOnce {
		if _, err := db.Exec(ctx, history, from, min(job.History-from, historyAtOnce), from < historyWithTasks); err != nil {
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

const (
	historyAtOnce = 50_000
	// historyWithTasks is how many of the renders that have ended have tasks. Maintenance thins out
	// older plans: they have none any more (HISTORY_KEEP).
	historyWithTasks = 100_000
)

// history inserts $2 renders of one scene that are done, from the one numbered $1 on, with their
// plans, and with tasks if $3 says so. Ten renders are of one campaign, and a hundred campaigns of
// one user. Triggers and checks of foreign keys are skipped: they are of no use for jobs that have
// ended. Ids rise, so that indexes grow at their end.
const history = `
with off as materialized (select set_config('session_replication_role', 'replica', true)),
     n as materialized (select n, lpad(to_hex(n), 32, '0')::uuid as id, lpad(to_hex(n / 10), 32, '0')::uuid as campaign, now() - interval '2 days' as at
                          from off, generate_series($1::int, $1::int + $2::int - 1) n),
     c as (insert into campaigns (id, name, user_id) select campaign, 'past', md5((n / 1000)::text)::uuid from n where n % 10 = 0),
     s as (insert into scenes (campaign_id, url, duration_sec, order_index) select campaign, 'https://example.com/', 1, 0 from n where n % 10 = 0),
     r as (insert into renders (id, campaign_id, status, progress, final_video_url, created_at, updated_at, completed_at)
           select id, campaign, 'done', 100, 'http://videos/v.mp4', at, at, at from n),
     j as (insert into render_jobs (id, render_id, state, created_at, completed_at) select id, id, 'completed', at, at from n),
     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries, outcome, created_at, ended_at, swept_at)
           select id, id, id, '{"scenes": []}', 3, 'done', at, at, now() from n),
     k as materialized (select lpad(to_hex(n.n * 4 + k.place - 1), 32, '0')::uuid as task, n.id, n.at, k.kind
                          from n cross join unnest('{record,normalize,concat,upload}'::text[]) with ordinality k (kind, place) where $3::boolean),
     t as (insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, attempt, keys, facts, started_at, ended_at)
           select task, id, id, kind, 0, '{}', 1, 'done', 1, '{}', '{}', at, at from k)
insert into loom.attempts (task_id, attempt, worker, granted_at, ended_at, outcome) select task, 1, 'past', at, at, 'done' from k`
