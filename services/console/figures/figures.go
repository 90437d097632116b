package figures

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Overview is how an installation does.
type Overview struct {
	// Ends are how many renders ended in each stretch of Step since Since, the oldest first.
	Since time.Time
	Step  time.Duration
	Ends  []Ends
	// LastHour are those of the last hour, and LastDay of the last 24 hours.
	LastHour, LastDay Ends
	// Waiting jobs are queued, and Oldest of them since then.
	Waiting int
	Oldest  *time.Time
	// Codes are the failures of the last 24 hours by error code, the most frequent first.
	Codes  []Code
	Speeds []Speed
}

// Ends counts renders by how they ended.
type Ends struct{ Done, Failed, Cancelled int }

// All is their sum.
func (e Ends) All() int { return e.Done + e.Failed + e.Cancelled }

// Code counts the renders that failed with a code.
type Code struct {
	Code    string
	Renders int
	Last    time.Time
}

// Speed is how fast a stage worked on the last renders that ended.
type Speed struct {
	Stage string
	// Tasks that it did, for so long, and for so much video.
	Tasks       int
	Busy, Video time.Duration
}

// RealTime is how many seconds of video one worker does in a second; 0 when it is not known.
func (s Speed) RealTime() float64 {
	if s.Busy <= 0 {
		return 0
	}
	return s.Video.Seconds() / s.Busy.Seconds()
}

const (
	// spans and span are how far back ends are counted, and in which stretches.
	spans = 72
	span  = 5 * time.Minute
	// sampled is how many renders speeds are measured on.
	sampled = 20
	// maxWaiting bounds what is counted of the queue.
	maxWaiting = 100_000
)

// Read reads an overview.
func Read(ctx context.Context, db *pgxpool.Pool) (o Overview, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, part := range []func(context.Context, pgx.Tx) error{o.readEnds, o.readQueue, o.readCodes, o.readSpeeds} {
			if err := part(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Overview{}, fmt.Errorf("read how the installation does: %w", err)
	}
	return o, nil
}

// Speeds reads how fast the stages worked on the last renders that were done.
func Speeds(ctx context.Context, db *pgxpool.Pool) ([]Speed, error) {
	var o Overview
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error { return o.readSpeeds(ctx, tx) })
	if err != nil {
		return nil, fmt.Errorf("read how fast stages are: %w", err)
	}
	return o.Speeds, nil
}

func (o *Overview) readEnds(ctx context.Context, tx pgx.Tx) error {
	o.Step, o.Ends = span, make([]Ends, spans)
	err := tx.QueryRow(ctx, "select to_timestamp(floor(extract(epoch from now()) / $1::float8) * $1::float8) - ($2::float8 - 1) * $1::float8 * interval '1 second'",
		span.Seconds(), float64(spans)).Scan(&o.Since)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		select floor(extract(epoch from p.ended_at - $1::timestamptz) / $2::float8)::int,
		       count(*) filter (where p.outcome = 'done'), count(*) filter (where p.outcome = 'failed'), count(*) filter (where p.outcome = 'cancelled')
		  from loom.plans p where p.ended_at >= $1::timestamptz group by 1`, o.Since, span.Seconds())
	if err != nil {
		return err
	}
	var place int
	var e Ends
	_, err = pgx.ForEachRow(rows, []any{&place, &e.Done, &e.Failed, &e.Cancelled}, func() error {
		o.Ends[min(max(place, 0), spans-1)] = e
		return nil
	})
	if err != nil {
		return err
	}
	return tx.QueryRow(ctx, `
		select count(*) filter (where p.outcome = 'done'), count(*) filter (where p.outcome = 'failed'), count(*) filter (where p.outcome = 'cancelled'),
		       count(*) filter (where p.outcome = 'done' and p.ended_at > now() - interval '1 hour'),
		       count(*) filter (where p.outcome = 'failed' and p.ended_at > now() - interval '1 hour'),
		       count(*) filter (where p.outcome = 'cancelled' and p.ended_at > now() - interval '1 hour')
		  from loom.plans p where p.ended_at > now() - interval '1 day'`).
		Scan(&o.LastDay.Done, &o.LastDay.Failed, &o.LastDay.Cancelled, &o.LastHour.Done, &o.LastHour.Failed, &o.LastHour.Cancelled)
}

func (o *Overview) readQueue(ctx context.Context, tx pgx.Tx) error {
	return tx.QueryRow(ctx, `select count(*), min(q.since) from (
		select coalesce(j.queued_at, j.created_at::timestamptz) as since from public.render_jobs j where j.state = 'queued' limit $1::int) q`, maxWaiting).
		Scan(&o.Waiting, &o.Oldest)
}

func (o *Overview) readCodes(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select coalesce(r.error_code, 'internal'), count(*), max(p.ended_at)
		  from loom.plans p join public.renders r on r.id = p.render_id
		 where p.outcome = 'failed' and p.ended_at > now() - interval '1 day' and r.status::text = 'failed'
		 group by 1 order by 2 desc, 1 limit 8`)
	if err != nil {
		return err
	}
	o.Codes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Code])
	return err
}

// readSpeeds measures the last renders that were done. A task that a worker did counts the video
// that it is about: its own scene, or all of the render's.
func (o *Overview) readSpeeds(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		with last as materialized (
		  select p.id from loom.plans p where p.outcome = 'done' and p.ended_at > now() - interval '1 day' and p.history is null
		   order by p.ended_at desc limit $1::int),
		tasks as materialized (
		  select t.plan_id, t.kind, t.source is null and t.ended_at is not null and a.granted_at is not null as worked,
		         extract(epoch from t.ended_at - a.granted_at) as busy,
		         (k.params ->> 'frames')::float8 * nullif(split_part(k.rate, '/', 2), '')::float8 / nullif(split_part(k.rate, '/', 1), '')::float8 as seconds
		    from loom.tasks t left join loom.attempts a on a.task_id = t.id and a.attempt = t.attempt
		    cross join lateral (select case when t.kind in ('record', 'normalize') then loom.params_of(t.id) end as params) p
		    cross join lateral (select p.params, coalesce(p.params ->> 'rate', '') as rate) k
		   where t.plan_id in (select id from last) and t.state = 'done'),
		whole as (select plan_id, sum(seconds) as seconds from tasks where kind = 'record' group by plan_id)
		select loom.stage_of(t.kind), count(*), coalesce(sum(t.busy), 0)::float8,
		       coalesce(sum(case when t.kind = 'record' or t.kind = 'normalize' then t.seconds when t.kind = 'upload' then w.seconds else 0 end), 0)::float8
		  from tasks t left join whole w on w.plan_id = t.plan_id where t.worked group by 1`, sampled)
	if err != nil {
		return err
	}
	o.Speeds, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Speed, err error) {
		var busy, video float64
		err = row.Scan(&s.Stage, &s.Tasks, &busy, &video)
		s.Busy, s.Video = time.Duration(busy*float64(time.Second)), time.Duration(video*float64(time.Second))
		return s, err
	})
	return err
}
