package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// traces are what renders are part of, for the headers of their tasks' messages. A render is looked
// up once for each of its plans, and again when no task of it was published for a while.
type traces map[uuid.UUID]traced

// traced is what is known of a render's trace.
type traced struct {
	plan  uuid.UUID
	trace msg.Trace
	seen  time.Time
}

// tracedFor is for how long a render is remembered that is not seen.
const tracedFor = time.Minute

// learn looks up the renders of tasks that it does not know.
func (t traces) learn(ctx context.Context, db *pgxpool.Pool, list []turn) error {
	now := time.Now()
	for render, known := range t {
		if now.Sub(known.seen) > tracedFor {
			delete(t, render)
		}
	}
	var unknown []string
	for _, task := range list {
		known, found := t[task.RenderID]
		if !found || known.plan != task.plan {
			unknown, known = append(unknown, task.RenderID.String()), traced{plan: task.plan}
		}
		known.seen = now
		t[task.RenderID] = known
	}
	if unknown == nil {
		return nil
	}
	rows, _ := db.Query(ctx, "select render_id, traceparent from loom.traces where render_id = any ($1::text[]::uuid[])", unknown)
	var render uuid.UUID
	var parent string
	_, err := pgx.ForEachRow(rows, []any{&render, &parent}, func() error {
		known := t[render]
		known.trace = msg.ParseTrace(parent)
		t[render] = known
		return nil
	})
	if err != nil {
		for _, task := range list {
			if known := t[task.RenderID]; known.trace == (msg.Trace{}) {
				delete(t, task.RenderID)
			}
		}
		return fmt.Errorf("look up traces: %w", err)
	}
	return nil
}

// of returns the trace that a render is part of.
func (t traces) of(render uuid.UUID) msg.Trace { return t[render].trace }
