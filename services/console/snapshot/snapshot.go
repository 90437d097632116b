package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Snapshot is what an installation is doing at one moment.
type Snapshot struct {
	// At is the database's time.
	At time.Time `json:"at"`
	// Maintainer is the replica of ingest that maintains; null when none does.
	Maintainer *string `json:"maintainer"`
	// Open is how many renders are in progress, and Queued how many jobs wait to be started:
	// MaxQueued if there are more.
	Open   int `json:"renders_in_progress"`
	Queued int `json:"jobs_queued"`
	// LastMinute is how many renders ended in the last minute, by outcome.
	LastMinute Ended    `json:"renders_ended_last_minute"`
	Stages     []Stage  `json:"stages"`
	Workers    []Worker `json:"workers"`
	// Resting are workers that get no tasks for a while, because they failed what others could do.
	Resting []Resting `json:"resting"`
	// Renders are those in progress, the oldest first, and then the next that wait, in their order.
	Renders []Render `json:"renders"`
}

// Ended counts renders by outcome.
type Ended struct {
	Done      int `json:"done"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
}

// Stage is what the tasks of one kind come to, over the renders in progress.
type Stage struct {
	Kind msg.Kind `json:"stage"`
	// Waiting tasks wait for other tasks, Due ones for a worker. Later ones have failed, and wait
	// for their next try.
	Waiting int `json:"waiting"`
	Due     int `json:"due"`
	Later   int `json:"later"`
	Running int `json:"running"`
	// Rate is how many workers finished in the last minute.
	Rate   int  `json:"done_last_minute"`
	Paused bool `json:"paused"`
}

// Worker is a worker's slot and the task in it.
type Worker struct {
	Name   string    `json:"worker"`
	Kind   msg.Kind  `json:"stage"`
	Task   uuid.UUID `json:"task_id"`
	Render uuid.UUID `json:"render_id"`
	// Scene is the scene's ordinal in the video, from 1; 0 for a task of the whole video.
	Scene    int       `json:"scene,omitempty"`
	Attempt  int       `json:"attempt"`
	Since    time.Time `json:"since"`
	Progress float64   `json:"progress"`
}

// Resting is a worker that rests.
type Resting struct {
	Name string `json:"worker"`
	// Stage is record, transcode or upload.
	Stage string    `json:"stage"`
	Until time.Time `json:"until"`
	// Code is that of its last failure.
	Code string `json:"error_code"`
}

// Render is a render that has not ended.
type Render struct {
	ID        uuid.UUID `json:"id"`
	Campaign  string    `json:"campaign"`
	Status    string    `json:"status"`
	Progress  int       `json:"progress"`
	CreatedAt time.Time `json:"created_at"`
	Owner     string    `json:"owner"`
	Priority  int       `json:"priority"`
}

const (
	// MaxQueued bounds what is counted of the queue.
	MaxQueued = 100_000
	// listed is how many queued renders are listed.
	listed = 100
)

// open are the plans in progress, recent those and the ones that ended within a minute. As arrays,
// so that their tasks are always found by index.
const (
	open   = `array(select p.id from loom.plans p where p.ended_at is null)`
	recent = `array(select p.id from loom.plans p where p.ended_at is null or p.ended_at > now() - interval '1 minute')`
)

// Read reads a snapshot.
func Read(ctx context.Context, db *pgxpool.Pool) (s Snapshot, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, part := range []func(context.Context, pgx.Tx) error{s.readTotals, s.readStages, s.readWorkers, s.readRenders} {
			if err := part(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("read what goes on: %w", err)
	}
	return s, nil
}

func (s *Snapshot) readTotals(ctx context.Context, tx pgx.Tx) error {
	return tx.QueryRow(ctx, `
		select now(), (select l.name from loom.leader l where l.lease_until > now()),
		       (select count(*) from loom.plans where ended_at is null),
		       (select count(*) from (select from public.render_jobs where state = 'queued' limit $1::int) as q),
		       count(*) filter (where e.outcome = 'done'), count(*) filter (where e.outcome = 'failed'),
		       count(*) filter (where e.outcome = 'cancelled')
		  from (select outcome from loom.plans where ended_at > now() - interval '1 minute') as e`, MaxQueued).
		Scan(&s.At, &s.Maintainer, &s.Open, &s.Queued, &s.LastMinute.Done, &s.LastMinute.Failed, &s.LastMinute.Cancelled)
}

func (s *Snapshot) readStages(ctx context.Context, tx pgx.Tx) error {
	of := map[msg.Kind]Stage{}
	rows, err := tx.Query(ctx, `
		select t.kind, count(*) filter (where t.state = 'waiting'),
		       count(*) filter (where t.state = 'due' and t.not_before <= now() or t.state = 'running' and t.lease_until < now()),
		       count(*) filter (where t.state = 'due' and t.not_before > now()),
		       count(*) filter (where t.state = 'running' and t.lease_until >= now()),
		       count(*) filter (where t.state = 'done' and t.source is null and t.ended_at > now() - interval '1 minute')
		  from loom.tasks t where t.plan_id = any (`+recent+`) group by t.kind`)
	if err != nil {
		return err
	}
	var g Stage
	_, err = pgx.ForEachRow(rows, []any{&g.Kind, &g.Waiting, &g.Due, &g.Later, &g.Running, &g.Rate}, func() error {
		of[g.Kind] = g
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = tx.Query(ctx, "select kind from loom.paused")
	if err != nil {
		return err
	}
	paused, err := pgx.CollectRows(rows, pgx.RowTo[msg.Kind])
	if err != nil {
		return err
	}
	for _, kind := range paused {
		g := of[kind]
		g.Paused = true
		of[kind] = g
	}
	for _, kind := range msg.Kinds {
		g := of[kind]
		g.Kind = kind
		s.Stages = append(s.Stages, g)
	}
	return nil
}

func (s *Snapshot) readWorkers(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select t.worker, t.kind, t.id, t.render_id, coalesce((loom.params_of(t.id) ->> 'scene')::int, 0), t.attempt, a.granted_at, t.progress::float8
		  from loom.tasks t join loom.attempts a on a.task_id = t.id and a.attempt = t.attempt
		 where t.plan_id = any (`+open+`) and t.state = 'running'
		 order by t.worker, a.granted_at, t.id`)
	if err != nil {
		return err
	}
	if s.Workers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Worker]); err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `select worker, stage, rest_until, coalesce(error_code, '') from loom.workers where rest_until > now() order by worker, stage`)
	if err != nil {
		return err
	}
	s.Resting, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Resting])
	return err
}

func (s *Snapshot) readRenders(ctx context.Context, tx pgx.Tx) error {
	const fields = `select r.id, coalesce(c.name::text, ''), r.status::text, coalesce(r.progress, 0)::int, r.created_at::timestamptz, `
	s.Renders = []Render{}
	for _, sql := range []string{
		fields + `p.owner, p.priority
		  from loom.plans p join public.renders r on r.id = p.render_id left join public.campaigns c on c.id = r.campaign_id
		 where p.ended_at is null and $1::int > 0
		 order by r.created_at, r.id`,
		fields + `j.queue_owner, j.priority
		  from (select * from public.render_jobs where state = 'queued' order by priority desc, queue_turn, created_at, id limit $1::int) as j
		  join public.renders r on r.id = j.render_id left join public.campaigns c on c.id = r.campaign_id
		 where not exists (select from loom.plans p where p.render_id = r.id and p.ended_at is null)
		 order by j.priority desc, j.queue_turn, j.created_at, j.id`,
	} {
		rows, err := tx.Query(ctx, sql, listed)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Render])
		if err != nil {
			return err
		}
		s.Renders = append(s.Renders, list...)
	}
	return nil
}
