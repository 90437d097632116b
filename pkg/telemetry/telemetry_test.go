package telemetry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestOnlyStandardSettingsAskForSpans(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for _, c := range []struct {
		environ map[string]string
		on      bool
		wrong   bool
	}{
		{nil, false, false},
		{map[string]string{endpoint: "http://127.0.0.1:4318"}, true, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true, false},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, false},
		{map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, false, false},
		{map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, false, false},
		{map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, true},
		{map[string]string{endpoint: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, true},
	} {
		if on, err := asked(c.environ); on != c.on || errors.Is(err, ErrSettings) != c.wrong {
			t.Errorf("%v: %v, %v", c.environ, on, err)
		}
	}
}

func TestWithoutSettingsNothingIsAllocated(t *testing.T) {
	ctx, grant, now := context.Background(), &msg.Grant{}, time.Now()
	trace := msg.ParseTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	n := testing.AllocsPerRun(100, func() {
		within, a := Begin(ctx, trace, grant, "worker", now, now)
		_, end := Step(within, "step")
		end(nil)
		a.End("done", "")
		Plan{}.Record(ctx)
		_ = OfPlan(ctx, uuid.Nil, uuid.Nil, trace)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// One that never answers: a collector, or a firewall.
func TestACollectorThatHangsHoldsNobodyUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	stop, err := Start(t.Context(), Service{Name: "test"}, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	render, plan := uuid.New(), uuid.New()
	first := OfPlan(t.Context(), render, plan, msg.Trace{})
	if second := OfPlan(t.Context(), render, plan, msg.Trace{}); first != second || first.ID() != trim(render) {
		t.Errorf("the trace of render %s is %s and then %s", render, first, second)
	}
	const sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	if got := OfPlan(t.Context(), render, plan, msg.ParseTrace(sent)); got.ID() != sent[3:35] || got.String()[53:] != "00" || got.String() == sent {
		t.Errorf("within %s it is %s: want another span of that trace, which is not sampled either", sent, got)
	}
	for range 5000 { // more than are kept
		Plan{Render: render, ID: plan, Begun: time.Now(), Ended: time.Now()}.Record(t.Context())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stop(ctx)
	if On() {
		t.Error("spans are still made")
	}
}

func trim(id uuid.UUID) string {
	b, _ := id.MarshalText()
	return string(b[:8]) + string(b[9:13]) + string(b[14:18]) + string(b[19:23]) + string(b[24:])
}
