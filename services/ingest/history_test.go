package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

func TestRendersThatEndedLongAgoAreThinned(t *testing.T) {
	r := newRig(t)
	r.store = storetest.Server(t)
	bucket := storetest.Bucket(t, storetest.Client(t))
	r.work("worker", nil)
	p := r.ingest(func(c *ingest.Config) { c.WorkBucket, c.Retention, c.HistoryKeep = bucket, time.Second, 24*time.Hour })
	old, held, young := r.submit(small), r.submit(small), r.submit(small)
	for _, render := range []uuid.UUID{old, held, young} {
		if o := r.ended(render); o.status != "done" {
			t.Fatalf("the render ended as %+v", o)
		}
	}
	r.until("their objects are deleted", "select count(*) = 3 from loom.plans where swept_at is not null")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	r.exec("update loom.plans set ended_at = ended_at - interval '2 days' where render_id <> $1", young)
	tx, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "select from loom.plans where render_id = $1 for update", held); err != nil {
		t.Fatal(err)
	}
	p = r.ingest(func(c *ingest.Config) { c.WorkBucket, c.HistoryKeep = bucket, 24*time.Hour })
	r.eventually("a run is over", func() (bool, string) {
		return p.metric(t, `loom_maintenance_runs_total{outcome="done",work="history"}`) > 0, ""
	})
	if n := p.metric(t, `loom_maintenance_removed_total{what="rows",work="history"}`); n < 10 {
		t.Errorf("%v rows were removed", n)
	}
	for name, c := range map[string]struct {
		render uuid.UUID
		tasks  bool
	}{"the old one": {old, false}, "the one that is held": {held, true}, "the young one": {young, true}} {
		var tasks, thin bool
		r.scan(&tasks, "select exists (select from loom.tasks where render_id = $1)", c.render)
		r.scan(&thin, "select history is not null from loom.plans where render_id = $1", c.render)
		if tasks != c.tasks || thin == c.tasks {
			t.Errorf("%s has tasks: %v, is thin: %v", name, tasks, thin)
		}
	}
}
