package figures

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Worker is a worker of a stage.
type Worker struct {
	Name, Stage string
	// Heard is when it last asked for a task or had its lease renewed, within a minute.
	Heard time.Time
	// Done is when it last finished a task.
	Done *time.Time
	// Rests until then, after failures of the code Code; nil when it does not rest.
	Rests *time.Time
	Code  string
	// Tasks that it ended in the last hour, and those of them that it failed.
	Tasks, Failed int
	// Busy is for what part of each stretch of the last hour it worked on something, the oldest
	// first. More than 1: on several tasks at once.
	Busy []float64
}

const (
	// busySpans and busySpan are the stretches of Worker.Busy.
	busySpans = 30
	busySpan  = 2 * time.Minute
)

// Stale is how long nothing is heard of a worker for which there is work, and no longer.
const Stale = 2*time.Minute + 30*time.Second

// Workers lists the workers of the last day, by stage and name. It looks at what they did for the
// renders of the last hour.
func Workers(ctx context.Context, db *pgxpool.Pool) ([]Worker, error) {
	rows, _ := db.Query(ctx, `
		with recent as materialized (
		  select p.id from loom.plans p where p.ended_at is null or p.ended_at > now() - interval '1 hour'),
		worked as materialized (
		  select a.worker, loom.stage_of(t.kind) as stage, a.outcome, greatest(a.granted_at, now() - interval '1 hour') as since,
		         coalesce(a.ended_at, now()) as until, case when t.state = 'running' and t.attempt = a.attempt then t.lease_until end as lease
		    from loom.tasks t join loom.attempts a on a.task_id = t.id
		   where t.plan_id = any (array(select id from recent)) and coalesce(a.ended_at, now()) > now() - interval '1 hour'),
		busy as (
		  select w.worker, w.stage, s.n, sum(extract(epoch from least(w.until, s.until) - greatest(w.since, s.since))) as seconds
		    from worked w
		    cross join lateral (
		      select n, now() - ($1::int - n) * $2::interval as since, now() - ($1::int - n - 1) * $2::interval as until
		        from generate_series(greatest(0, $1::int - 1 - floor(extract(epoch from now() - w.since) / extract(epoch from $2::interval))::int),
		                             least($1::int - 1, $1::int - 1 - floor(extract(epoch from now() - w.until) / extract(epoch from $2::interval))::int)) n) s
		   group by 1, 2, 3),
		sums as (
		  select worker, stage, count(*) filter (where outcome is not null) as ended, count(*) filter (where outcome in ('failed', 'lapsed')) as failed,
		         bool_or(lease > now()) as leased
		    from worked group by 1, 2)
		select k.worker, k.stage, greatest(k.heard_at, case when s.leased then now() end), k.done_at, case when k.rest_until > now() then k.rest_until end,
		       coalesce(k.error_code, ''), coalesce(s.ended, 0), coalesce(s.failed, 0),
		       array(select coalesce(b.seconds, 0)::float8 / extract(epoch from $2::interval)::float8 from generate_series(0, $1::int - 1) n
		               left join busy b on b.worker = k.worker and b.stage = k.stage and b.n = n.n order by n.n)
		  from loom.workers k left join sums s on s.worker = k.worker and s.stage = k.stage
		 where k.heard_at > now() - interval '1 day' or s.leased
		 order by k.stage, k.worker`, busySpans, busySpan)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Worker])
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	return list, nil
}

// Share is for what part of the last hour a worker worked: the mean of Busy, 1 at most.
func (w Worker) Share() float64 {
	sum := 0.0
	for _, b := range w.Busy {
		sum += min(b, 1)
	}
	return sum / float64(max(len(w.Busy), 1))
}
