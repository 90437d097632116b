package telemetry

import (
	"context"
	"crypto/rand"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// generator makes random ids, but for a span that names its own.
type generator struct{}

type idsKey struct{}

// ids are those that a span names; zero ones are made.
type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

func (generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	own, _ := ctx.Value(idsKey{}).(ids)
	for !own.trace.IsValid() {
		_, _ = rand.Read(own.trace[:]) // never fails
	}
	return own.trace, newSpan(own.span)
}

func (generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	own, _ := ctx.Value(idsKey{}).(ids)
	return newSpan(own.span)
}

func newSpan(id trace.SpanID) trace.SpanID {
	for !id.IsValid() {
		_, _ = rand.Read(id[:])
	}
	return id
}

// rootOf is the id of the span of a plan.
func rootOf(plan uuid.UUID) (id trace.SpanID) {
	copy(id[:], plan[len(plan)-len(id):])
	return id
}

// above returns ctx within the span that sent names, if it names one.
func above(ctx context.Context, sent msg.Trace) context.Context {
	if sent == (msg.Trace{}) {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{msg.HeaderTrace: sent.String()})
}

// named returns a span's context as a msg.Trace.
func named(c trace.SpanContext) msg.Trace {
	if !c.IsValid() {
		return msg.Trace{}
	}
	return msg.ParseTrace("00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String())
}
