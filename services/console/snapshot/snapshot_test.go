package snapshot

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// reader returns connections to the same database that may do what a reader may.
func reader(t *testing.T, db *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	config := db.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role loom_reader")
		return err
	}
	read, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(read.Close)
	return read
}

func execute(t *testing.T, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// queued inserts a render and its job.
func queued(t *testing.T, db *pgxpool.Pool, name string, owner uuid.UUID, priority int) (render uuid.UUID) {
	t.Helper()
	err := db.QueryRow(t.Context(), `with c as (insert into campaigns (name, user_id) values ($1, $2) returning id),
		r as (insert into renders (campaign_id) select id from c returning id),
		j as (insert into render_jobs (render_id, priority) select id, $3 from r)
		select id from r`, name, owner, priority).Scan(&render)
	if err != nil {
		t.Fatal(err)
	}
	return render
}

// plan plans a render of two scenes.
func plan(t *testing.T, db *pgxpool.Pool, render uuid.UUID) (records []uuid.UUID) {
	t.Helper()
	records = []uuid.UUID{uuid.New(), uuid.New()}
	concat := uuid.New()
	task := func(id uuid.UUID, kind string, seq int, needs ...uuid.UUID) map[string]any {
		return map[string]any{"id": id, "kind": kind, "seq": seq, "needs": needs, "params": map[string]any{"scene": seq + 1}, "weight": 1}
	}
	tasks, err := json.Marshal([]any{task(records[0], "record", 0), task(records[1], "record", 1), task(concat, "concat", 0, records...)})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, "update render_jobs set state = 'running' where render_id = $1", render)
	execute(t, db, "select loom.open_plan(gen_random_uuid(), $1, (select id from render_jobs where render_id = $1), '{}', 3, $2::text::jsonb)",
		render, string(tasks))
	return records
}

func TestASnapshotIsWhatGoesOn(t *testing.T) {
	db := database(t)
	ann, ben := uuid.New(), uuid.New()
	first := queued(t, db, "first", ann, 5)
	second := queued(t, db, "second", ben, 0)
	waits := queued(t, db, "waits", ben, 0)
	urgent := queued(t, db, "urgent", ben, 9)
	over := queued(t, db, "over", ann, 0)
	records := plan(t, db, first)
	others := plan(t, db, second)
	plan(t, db, over)
	execute(t, db, "select loom.cancel_render($1)", over)
	for _, task := range []uuid.UUID{records[0], records[1], others[0], others[1]} {
		execute(t, db, "select loom.grant_task($1, 'worker-1', gen_random_uuid(), '1 minute')", task)
	}
	execute(t, db, "select loom.heartbeat_task($1, 1, 0.5, '1 minute')", records[0])
	execute(t, db, "select loom.finish_task($1, 1, '{}', '{}')", records[1])
	execute(t, db, "select loom.fail_task($1, 1, 'scene_timeout', 'Slow.', '', false)", others[0])
	execute(t, db, "update loom.tasks set lease_until = now() - interval '1 second' where id = $1", others[1])
	execute(t, db, "insert into loom.paused (kind) values ('upload')")
	execute(t, db, `insert into loom.workers (worker, stage, error_code, rest_until) values
		('worker-2', 'record', 'scene_timeout', now() + interval '1 minute'), ('worker-3', 'record', null, now() - interval '1 minute')`)
	execute(t, db, "select loom.lead(gen_random_uuid(), 'ingest-0', '1 minute')")

	s, err := Read(t.Context(), reader(t, db))
	if err != nil {
		t.Fatal(err)
	}
	if s.Open != 2 || s.Queued != 2 || s.LastMinute != (Ended{Cancelled: 1}) || s.Maintainer == nil || *s.Maintainer != "ingest-0" {
		t.Errorf("totals are %+v", s)
	}
	for _, g := range s.Stages {
		want := map[msg.Kind]Stage{
			msg.Record: {Due: 1, Later: 1, Running: 1, Rate: 1},
			msg.Concat: {Waiting: 2},
			msg.Upload: {Paused: true},
		}[g.Kind]
		want.Kind = g.Kind
		if g != want {
			t.Errorf("%s is %+v, want %+v", g.Kind, g, want)
		}
	}
	if len(s.Stages) != len(msg.Kinds) || len(s.Workers) != 2 {
		t.Fatalf("%d stages, workers %+v", len(s.Stages), s.Workers)
	}
	if w := s.Workers[0]; w.Name != "worker-1" || w.Task != records[0] || w.Render != first || w.Scene != 1 || w.Progress != 0.5 || w.Attempt != 1 {
		t.Errorf("the first worker is %+v", w)
	}
	if len(s.Resting) != 1 || s.Resting[0].Name != "worker-2" || s.Resting[0].Stage != "record" || s.Resting[0].Code != "scene_timeout" {
		t.Errorf("those that rest are %+v", s.Resting)
	}
	var names []string
	for _, r := range s.Renders {
		names = append(names, r.Campaign+" "+r.Status)
	}
	if got := strings.Join(names, ", "); got != "first recording, second recording, urgent queued, waits queued" {
		t.Errorf("renders are %s", got)
	}
	if r := s.Renders[0]; r.ID != first || r.Owner != ann.String() || r.Priority != 5 {
		t.Errorf("the first render is %+v", r)
	}
	if r := s.Renders[3]; r.ID != waits || r.Owner != ben.String() || s.Renders[2].ID != urgent || s.Renders[2].Priority != 9 {
		t.Errorf("the last render is %+v", r)
	}
}

func TestNothingIsAnEmptyListAndNotNull(t *testing.T) {
	s, err := Read(t.Context(), database(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"maintainer":null`, `"workers":[]`, `"resting":[]`, `"renders":[]`, `"stages":[{"stage":"record","waiting":0,`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}

// A screen that is drawn each second reads what goes on, and not what there ever was.
func TestASnapshotReadsNoHistory(t *testing.T) {
	db := database(t)
	execute(t, db, `
		with c as (insert into campaigns (name) values ('past') returning id),
		     r as (insert into renders (campaign_id, status) select c.id, 'done' from c, generate_series(1, 20000) returning id),
		     j as (insert into render_jobs (render_id, state) select id, 'completed' from r returning id, render_id),
		     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries, outcome, ended_at)
		           select gen_random_uuid(), render_id, id, '{}', 3, 'done', now() - interval '1 day' from j returning id, render_id)
		insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state)
		select gen_random_uuid(), id, render_id, 'record', 0, '{}', 1, 'done' from p`)
	records := plan(t, db, queued(t, db, "now", uuid.New(), 0))
	queued(t, db, "next", uuid.New(), 0)
	execute(t, db, "select loom.grant_task($1, 'worker', gen_random_uuid(), '1 minute')", records[0])
	execute(t, db, "analyze")
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		scanned := func() (n int, err error) {
			err = tx.QueryRow(t.Context(), "select coalesce(sum(seq_tup_read), 0)::int from pg_stat_xact_user_tables").Scan(&n)
			return n, err
		}
		var s Snapshot
		for name, read := range map[string]func(context.Context, pgx.Tx) error{
			"totals": s.readTotals, "stages": s.readStages, "workers": s.readWorkers, "renders": s.readRenders,
		} {
			before, err := scanned()
			if err != nil {
				return err
			}
			if err := read(t.Context(), tx); err != nil {
				return err
			}
			after, err := scanned()
			if err != nil {
				return err
			}
			if after-before > 100 {
				t.Errorf("%s reads %d rows by going through tables", name, after-before)
			}
		}
		if len(s.Workers) != 1 || len(s.Renders) != 2 {
			t.Errorf("what goes on is %+v", s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
