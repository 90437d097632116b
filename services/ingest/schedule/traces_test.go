package schedule

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestMessagesHaveTheTraceOfTheirRender(t *testing.T) {
	q := newQueue(t)
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	q.tasks.db = db
	const first, second = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	render := uuid.New()
	for _, sql := range []string{
		"with c as (insert into campaigns (name) values ('x') returning id) insert into renders (id, campaign_id) select $1::uuid, c.id from c",
		"insert into loom.traces values ($1::uuid, '" + first + "')",
	} {
		if _, err := db.Exec(t.Context(), sql, render); err != nil {
			t.Fatal(err)
		}
	}
	// publish publishes a task of a plan, and returns its message's trace.
	publish := func(render, plan uuid.UUID) string {
		t.Helper()
		task := turn{due{Ref: msg.NewRef(msg.Record, render, uuid.New())}, &open{plan: plan}}
		if _, err := q.dispatcher.publish(t.Context(), newTurns(), []turn{task}, 1); err != nil {
			t.Fatal(err)
		}
		m := q.next()
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
		return m.Headers().Get(msg.HeaderTrace)
	}
	plan := uuid.New()
	if got := publish(render, plan); got != first {
		t.Errorf("the message has %q", got)
	}
	if got := publish(uuid.New(), uuid.New()); got != "" {
		t.Errorf("a render without a trace has %q", got)
	}
	// One that is submitted again may be part of another trace.
	if _, err := db.Exec(t.Context(), "update loom.traces set traceparent = $1", second); err != nil {
		t.Fatal(err)
	}
	if got := publish(render, plan); got != first {
		t.Errorf("it was looked up again: %q", got)
	}
	if got := publish(render, uuid.New()); got != second {
		t.Errorf("the next plan's message has %q", got)
	}
}
