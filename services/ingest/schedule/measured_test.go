package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// seenAt collects a measured at another time.
type seenAt struct {
	*measured
	now time.Time
}

func (s seenAt) Collect(ch chan<- prometheus.Metric) { s.collect(ch, s.now) }

// While the database is away, an alert or an autoscaler must not work with what it said last.
func TestGaugesThatCannotBeReadAnyMoreAreLeftOut(t *testing.T) {
	pool, err := postgres.Open(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for range 2 {
		_, err := pool.Exec(t.Context(), `
			with c as (insert into campaigns (name) values ('queued') returning id),
			     r as (insert into renders (campaign_id) select id from c returning id)
			insert into render_jobs (render_id) select id from r`)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(t.Context(), "update render_jobs set queued_at = now() - interval '10 minutes'"); err != nil {
		t.Fatal(err)
	}
	var m measured
	store := taskStore{db: pool, lease: time.Minute}
	before := time.Now()
	if err := m.measure(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if err := m.measureQueue(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	m.rests.Store(&restsReading{at: time.Now(), byStage: map[string]int{msg.ConsumerRecord: 1}})
	want := `
# HELP loom_jobs_queued Jobs that wait to be begun, 100000 at most. The same on every replica.
# TYPE loom_jobs_queued gauge
loom_jobs_queued 2
`
	if err := testutil.CollectAndCompare(seenAt{&m, before}, strings.NewReader(want), "loom_jobs_queued"); err != nil {
		t.Error(err)
	}
	if oldest := m.queue.Load().oldest; oldest < 600 || oldest > 900 {
		t.Errorf("the oldest job has waited for %g s, and was queued ten minutes ago", oldest)
	}
	if n := testutil.CollectAndCount(seenAt{&m, before}); n != 4*len(msg.Kinds)+len(statuses)+8 {
		t.Errorf("%d series are shown", n)
	}
	late := seenAt{&m, time.Now().Add(measuredFor)}
	if n := testutil.CollectAndCount(late); n != 1 {
		t.Errorf("%d series are shown half a minute after the last reading", n)
	}
	if n := testutil.CollectAndCount(late, "loom_measured_timestamp_seconds"); n != 1 {
		t.Error("it does not say when the last reading was")
	}
}

// rate() and increase() see no first event of a series that begins with it.
func TestCountersBeginAtZero(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*prometheus.CounterVec{m.grants, m.results, m.failures, m.dead, m.errors, m.reused, m.lapsed, m.ended} {
		before := testutil.CollectAndCount(c)
		if before == 0 {
			t.Error("a counter has no series")
		}
	}
	series := testutil.CollectAndCount(m.failures)
	m.failed(msg.Record, msg.CodeSceneStatus)
	m.failed(msg.Probe, msg.CodeFacecamNotVideo)
	m.failed(msg.Draw, msg.CodeWatermarkRefused)
	m.failed(msg.Upload, msg.CodeStorage)
	if n := testutil.CollectAndCount(m.failures); n != series {
		t.Errorf("%d series were %d before these failures", n, series)
	}
}
