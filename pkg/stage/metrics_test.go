package stage

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// The real-time factor is made of these.
func TestWhatAttemptsMadeIsCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m, err := newMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	again, err := newMetrics(registry)
	if err != nil {
		t.Fatalf("a second worker in this process: %v", err)
	}
	of := func(kind msg.Kind) *Task {
		return NewTask(msg.Grant{Ref: msg.Ref{Kind: kind}, Params: json.RawMessage(`{"rate":"30000/1001","frames":90}`)}, "", zerolog.Nop())
	}
	m.ended(of(msg.Record), string(msg.Done), time.Second, msg.RecordFacts{Frames: 90, Distinct: 7})
	again.ended(of(msg.Record), string(msg.Done), time.Second, msg.RecordFacts{Frames: 90, Distinct: 7})
	m.ended(of(msg.Record), string(msg.Failed), time.Second, msg.RecordFacts{Frames: 90})
	m.ended(of(msg.Normalize), string(msg.Done), time.Second, msg.VideoFacts{Frames: 30})
	m.ended(of(msg.Probe), string(msg.Done), time.Second, msg.ProbeFacts{})
	for what, got := range map[string][2]float64{
		"recorded frames":             {testutil.ToFloat64(m.frames.WithLabelValues("record")), 180},
		"recorded frames that differ": {testutil.ToFloat64(m.distinct), 14},
		"recorded seconds":            {testutil.ToFloat64(m.media.WithLabelValues("record")), 180 * 1001.0 / 30000},
		"encoded frames":              {testutil.ToFloat64(m.frames.WithLabelValues("normalize")), 30},
		"failed attempts":             {testutil.ToFloat64(m.tasks.WithLabelValues("record", "failed")), 1},
	} {
		if d := got[0] - got[1]; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: %g, want %g", what, got[0], got[1])
		}
	}
}
