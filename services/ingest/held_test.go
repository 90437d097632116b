package ingest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A transaction of the app stays open, and locks rows of one render.
func TestARenderWhoseRowsAreHeldStopsNoOtherAndIsNotCharged(t *testing.T) {
	for name, hold := range map[string]string{
		"its row":           "select from renders where id = $1 for update",
		"its job":           "select from render_jobs where render_id = $1 for update",
		"a delete of it":    "delete from renders where id = $1",
		"a cancel of it":    "update renders set status = 'cancelled' where id = $1",
		"a change of title": "update renders set updated_at = now() where id = $1",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.lease = brief
			r.ingest(nil)
			r.ingest(nil)
			var held uuid.UUID
			var recording atomic.Int64
			letGo, transcoding := make(chan struct{}), make(chan struct{})
			do := func(ctx context.Context, g msg.Grant) msg.Result {
				if g.RenderID == held && g.Kind == msg.Record && recording.Add(1) <= 3 {
					select {
					case <-letGo:
					case <-transcoding:
					case <-ctx.Done():
					}
				}
				return msg.Result{Outcome: msg.Done}
			}
			// There are more scenes than workers, in one case more than a window holds: the
			// render's tasks are the first that are due.
			many, scenes := small, 5
			if name == "its row" {
				scenes = 70
			}
			for len(many.scenes) < scenes {
				many.scenes = append(many.scenes, scene{fmt.Sprintf("https://example.com/%d", len(many.scenes)), 2, len(many.scenes)})
			}
			held = r.submit(many)
			for _, worker := range []string{"worker-1", "worker-2", "worker-3"} {
				r.work(worker, do)
			}
			r.eventually("it is worked on", func() (bool, string) { return recording.Load() >= 3, "" })
			tx, err := r.db.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.Background()) }()
			if _, err := tx.Exec(t.Context(), hold, held); err != nil {
				t.Fatal(err)
			}
			// One of its workers reports that it has finished. The others go on for longer than a
			// lease.
			transcoding <- struct{}{}
			var others []uuid.UUID
			for range 3 {
				others = append(others, r.submit(one))
			}
			for _, other := range others {
				if o := r.ended(other); o.status != "done" {
					t.Errorf("another render ended as %+v", o)
				}
			}
			r.until("that was longer than a lease", "select state_change < clock_timestamp() - interval '4 seconds' from pg_stat_activity where pid = $1",
				tx.Conn().PgConn().PID())
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			close(letGo)
			if o := r.ended(held); o.status != "done" {
				t.Errorf("it ended as %+v", o)
			}
			r.uncharged()
		})
	}
}

// uncharged fails the test if an attempt was charged.
func (r *rig) uncharged() {
	r.t.Helper()
	rows, err := r.db.Query(r.t.Context(), `select k.kind || ' ' || k.seq || ' a' || a.attempt || ' ' || coalesce(a.outcome, 'open') from loom.attempts a
		join loom.tasks k on k.id = a.task_id where a.outcome is distinct from 'done'`)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(list) > 0 {
		r.t.Errorf("attempts ended otherwise than done: %v, %v", list, err)
	}
	var failures int
	r.scan(&failures, "select coalesce(sum(failures), 0) from loom.tasks")
	if failures != 0 {
		r.t.Errorf("%d attempts were charged", failures)
	}
}
