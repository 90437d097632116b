package msg

import (
	"context"
	"regexp"
	"strings"
)

// HeaderTrace is the header of a task's message, and of requests over HTTP, that has its Trace.
const HeaderTrace = "traceparent"

// Trace says which trace a render is part of, as the header traceparent of W3C Trace Context does:
// whoever submits a render may send one. It is passed on as it came, since services make no spans
// of their own. The zero Trace is none.
type Trace struct{ parent string }

// traceForm is the form of version 00, and what later versions begin with.
var traceForm = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$`)

// ParseTrace reads a header. What is not valid is no trace, as the specification asks: it is no
// error of the request. A later version is read as version 00.
func ParseTrace(header string) Trace {
	m := traceForm.FindStringSubmatch(header)
	switch {
	case m == nil, m[1] == "ff", m[1] == "00" && m[5] != "",
		strings.Trim(m[2], "0") == "", strings.Trim(m[3], "0") == "":
		return Trace{}
	}
	return Trace{"00-" + m[2] + "-" + m[3] + "-" + m[4]}
}

// String is the header, empty for none.
func (t Trace) String() string { return t.parent }

// ID names the trace: 32 hexadecimal digits, or nothing.
func (t Trace) ID() string {
	if t.parent == "" {
		return ""
	}
	return t.parent[3:35]
}

type traceKey struct{}

// WithTrace returns a context for work that is part of a trace.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace that work is part of.
func TraceOf(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey{}).(Trace)
	return t
}
