package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
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

// learn finds out about the renders of tasks that it does not know.
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
			unknown = append(unknown, task.RenderID.String())
			known = traced{plan: task.plan, trace: telemetry.OfPlan(ctx, task.RenderID, task.plan, msg.Trace{})}
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
		known.trace = telemetry.OfPlan(ctx, render, known.plan, msg.ParseTrace(parent))
		t[render] = known
		return nil
	})
	if err != nil {
		for _, render := range unknown {
			delete(t, uuid.MustParse(render))
		}
		return fmt.Errorf("look up traces: %w", err)
	}
	return nil
}

// of returns the trace that a render is part of.
func (t traces) of(render uuid.UUID) msg.Trace { return t[render].trace }

// recordSpans makes the spans of a plan that has ended.
func (w *watcher) recordSpans(ctx context.Context, s planState) {
	if !telemetry.On() {
		return
	}
	p := telemetry.Plan{Render: s.render, ID: s.plan, Status: s.status, Code: string(s.code)}
	var queued *time.Time
	var sent *string
	err := w.DB.QueryRow(ctx, `select j.queued_at, p.created_at, coalesce(p.ended_at, p.created_at), x.traceparent
		from loom.plans p left join public.render_jobs j on j.id = p.job_id left join loom.traces x on x.render_id = p.render_id
		where p.id = $1::text::uuid`, s.plan.String()).Scan(&queued, &p.Begun, &p.Ended, &sent)
	if err != nil {
		w.Log.Debug().Err(err).Stringer("render_id", s.render).Msg("the spans of a render are not made")
		return
	}
	if queued != nil {
		p.Queued = *queued
	}
	if sent != nil {
		p.Sent = msg.ParseTrace(*sent)
	}
	p.Record(ctx)
}
