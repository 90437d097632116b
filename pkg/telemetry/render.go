package telemetry

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Attributes' names.
const (
	renderID  = "loom.render.id"
	taskID    = "loom.task.id"
	taskKind  = "loom.task.kind"
	scene     = "loom.scene"
	attempt   = "loom.attempt"
	worker    = "loom.worker"
	outcome   = "loom.outcome"
	errorCode = "loom.error.code"
	status    = "loom.status"
)

// OfPlan returns the trace of a plan's tasks: its span is the plan's. sent is what the caller of
// the API sent for the render, and is returned as it is while no spans are made.
func OfPlan(ctx context.Context, render, plan uuid.UUID, sent msg.Trace) msg.Trace {
	if !On() {
		return sent
	}
	return named(begin(ctx, render, plan, sent).SpanContext()) // it is not ended, so not exported
}

// begin begins the span of a plan.
func begin(ctx context.Context, render, plan uuid.UUID, sent msg.Trace, options ...trace.SpanStartOption) trace.Span {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	ctx = context.WithValue(above(ctx, sent), idsKey{}, ids{trace.TraceID(render), rootOf(plan)})
	_, span := spans().Start(ctx, "render", options...)
	return span
}

// Plan is a plan that has ended.
type Plan struct {
	Render, ID uuid.UUID
	// Sent is the trace that the API's caller sent.
	Sent msg.Trace
	// Queued is when its job was queued, Begun when it was planned; Queued may be zero.
	Queued, Begun, Ended time.Time
	Status, Code         string
}

// Record makes the spans of a plan that has ended.
func (p Plan) Record(ctx context.Context) {
	if !On() {
		return
	}
	from := p.Begun
	if !p.Queued.IsZero() && p.Queued.Before(from) {
		from = p.Queued
	}
	span := begin(ctx, p.Render, p.ID, p.Sent, trace.WithTimestamp(from), trace.WithAttributes(
		attribute.String(renderID, p.Render.String()), attribute.String(status, p.Status)))
	if !span.IsRecording() {
		return
	}
	if p.Code != "" {
		span.SetAttributes(attribute.String(errorCode, p.Code))
		span.SetStatus(codes.Error, p.Code)
	}
	if from.Before(p.Begun) {
		_, queued := spans().Start(trace.ContextWithSpan(context.Background(), span), "queued", trace.WithTimestamp(from))
		queued.End(trace.WithTimestamp(p.Begun))
	}
	span.End(trace.WithTimestamp(p.Ended))
}

// Submitted makes the span of a render that was submitted within the trace sent, and returns it for
// the render's row. While no spans are made, it returns what was sent.
func Submitted(ctx context.Context, render uuid.UUID, sent msg.Trace) msg.Trace {
	if !On() {
		return sent
	}
	ctx = context.WithValue(above(ctx, sent), idsKey{}, ids{trace: trace.TraceID(render)})
	_, span := spans().Start(ctx, "submit", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attribute.String(renderID, render.String())))
	span.End()
	return named(span.SpanContext())
}

// Webhook begins the span of a message about a render to an endpoint. sent is the trace in the
// render's row. It returns the trace for the message. Its end takes the status of the answer, 0 for
// none, and whether the message was taken.
func Webhook(ctx context.Context, render uuid.UUID, sent msg.Trace, event string) (msg.Trace, func(status int, taken bool)) {
	if !On() {
		return sent, func(int, bool) {}
	}
	ctx = context.WithValue(above(ctx, sent), idsKey{}, ids{trace: trace.TraceID(render)})
	_, span := spans().Start(ctx, "webhook "+event, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String(renderID, render.String())))
	return named(span.SpanContext()), func(status int, taken bool) {
		if status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		if !taken {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// Attempt is an attempt at a task. Its zero value has no span.
type Attempt struct {
	span trace.Span
}

// Begin begins the span of an attempt that was granted, and the one of the time that its message
// waited. Nothing is made of a task whose message has no trace.
func Begin(ctx context.Context, of msg.Trace, g *msg.Grant, name string, sent, received time.Time) (context.Context, Attempt) {
	if of == (msg.Trace{}) || !On() {
		return ctx, Attempt{}
	}
	ctx = above(ctx, of)
	kind := string(g.Kind)
	is := []attribute.KeyValue{
		attribute.String(renderID, g.RenderID.String()), attribute.String(taskID, g.TaskID.String()),
		attribute.String(taskKind, kind), attribute.Int(attempt, g.Attempt), attribute.String(worker, name),
	}
	var params struct{ Scene int }
	if err := json.Unmarshal(g.Params, &params); err == nil && params.Scene > 0 {
		is = append(is, attribute.Int(scene, params.Scene))
	}
	about := trace.WithAttributes(is...)
	if !sent.IsZero() && sent.Before(received) {
		_, waits := spans().Start(ctx, kind+" waits", trace.WithTimestamp(sent), about)
		waits.End(trace.WithTimestamp(received))
	}
	ctx, span := spans().Start(ctx, kind, trace.WithTimestamp(received), about, trace.WithSpanKind(trace.SpanKindConsumer))
	return ctx, Attempt{span}
}

// End ends an attempt's span. code is that of its error, if it failed.
func (a Attempt) End(how string, code msg.Code) {
	if a.span == nil {
		return
	}
	a.span.SetAttributes(attribute.String(outcome, how))
	if code != "" {
		a.span.SetAttributes(attribute.String(errorCode, string(code)))
		a.span.SetStatus(codes.Error, string(code))
	}
	a.span.End()
}

// Step begins a span within that of ctx, such as a transfer. Its end takes the step's error, of
// which it keeps that there was one: errors' texts may be a stranger's.
func Step(ctx context.Context, name string) (context.Context, func(error)) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, func(error) {}
	}
	ctx, span := spans().Start(ctx, name)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
