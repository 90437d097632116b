package schedule

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// A render whose only worker has vanished waits for its turn as one that has none.
func TestATaskWhoseLeaseHasLapsedCountsAsOneWithoutAWorker(t *testing.T) {
	e := explain(t, migrated.Database(t))
	fill(t, e, 10, 10)
	tasks := taskStore{db: e.Pool, lease: time.Minute}
	claimer := &claim.Claimer{DB: e.Pool, MaxRenders: 1, MaxPerOwner: 1, Limits: plan.Limits{Scene: time.Hour, Render: time.Hour}}
	if claimed, err := claimer.Next(t.Context()); err != nil || claimed.Outcome != claim.Planned {
		t.Fatalf("the claim is %+v, %v", claimed, err)
	}
	look := func() (running, granted int, due []due) {
		t.Helper()
		heard := time.Now().Add(time.Hour)
		list, err := tasks.inHand(t.Context(), &heard, []string{}, []string{}, window)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			running += one.running
			if one.due != nil {
				due = append(due, *one.due)
				granted += one.due.attempt
			}
		}
		return running, granted, due
	}
	_, _, first := look()
	answers, err := tasks.grantAll(t.Context(), []msg.GrantRequest{{Ref: first[0].Ref, Worker: "worker", RequestID: uuid.New()}})
	if err != nil || answers[0].verdict != msg.Granted {
		t.Fatalf("%+v, %v", answers, err)
	}
	if running, granted, _ := look(); running != 1 || granted != 0 {
		t.Errorf("while it is leased, %d tasks have a worker, and %d are to be granted again", running, granted)
	}
	if _, err := e.Pool.Exec(t.Context(), "update loom.tasks set lease_until = clock_timestamp() - interval '1 second' where state = 'running'"); err != nil {
		t.Fatal(err)
	}
	if running, granted, _ := look(); running != 0 || granted != 1 {
		t.Errorf("when its lease has lapsed, %d tasks have a worker, and %d are to be granted again", running, granted)
	}
}
