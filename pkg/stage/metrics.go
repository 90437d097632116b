package stage

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// metrics are a worker's, by kind of task. Workers that share a registry share them.
type metrics struct {
	tasks    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	slots    *prometheus.GaugeVec
	unread   *prometheus.CounterVec
	frames   *prometheus.CounterVec
	distinct prometheus.Counter
	media    *prometheus.CounterVec
	moves    *prometheus.HistogramVec
	failed   *prometheus.CounterVec
	grants   prometheus.Histogram
}

// Why a message of a task was not worked on, in metrics.
const (
	unreadMalformed = "malformed"
	unreadForeign   = "other_release"
)

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	m := &metrics{
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loom_tasks_total", Help: "Attempts that ended, by kind of task and outcome.",
		}, []string{"kind", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "loom_task_seconds", Help: "How long attempts took, by kind of task and outcome.",
			Buckets: prometheus.ExponentialBuckets(0.125, 2, 15), // to about half an hour
		}, []string{"kind", "outcome"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "loom_tasks_in_flight", Help: "Attempts that run, by kind of task.",
		}, []string{"kind"}),
		slots: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "loom_slots", Help: "How many tasks run at once at most, by stage, beside those that fetch.",
		}, []string{"stage"}),
		unread: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loom_messages_unread_total",
			Help: "Deliveries of messages that this worker cannot read: malformed, which become dead letters, or of other_release, which go back.",
		}, []string{"stage", "why"}),
	}
	m.frames = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "loom_frames_total", Help: "Frames that attempts which are done have made, by kind of task.",
	}, []string{"kind"})
	m.distinct = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "loom_frames_distinct_total", Help: "Recorded frames that differ from the one before: what a recording costs.",
	})
	m.media = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "loom_media_seconds_total", Help: "Seconds of video that attempts which are done have made, by kind of task.",
	}, []string{"kind"})
	m.moves = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "loom_transfer_seconds", Help: "How long an input (in) or an output (out) of a task took, repetitions included.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 8), // to about three minutes
	}, []string{"direction"})
	m.failed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "loom_transfers_failed_total", Help: "Inputs (in) and outputs (out) of tasks that could not be moved.",
	}, []string{"direction"})
	m.grants = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "loom_grant_request_seconds", Help: "How long ingest took to answer a grant request, by NATS.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // to 16 s
	})
	return m, errors.Join(
		share(registry, &m.tasks), share(registry, &m.seconds), share(registry, &m.inFlight), share(registry, &m.slots),
		share(registry, &m.unread), share(registry, &m.frames), share(registry, &m.distinct), share(registry, &m.media),
		share(registry, &m.moves), share(registry, &m.failed), share(registry, &m.grants))
}

// share registers what c points to, or makes it what another worker registered.
func share[C prometheus.Collector](registry *prometheus.Registry, c *C) (err error) {
	*c, err = service.Register(registry, *c)
	return err
}

// begin makes the series of a worker, at 0: of a series that begins with 1, rate() and increase()
// do not see the first event.
func (m *metrics) begin(cfg Config, kinds []msg.Kind) {
	for _, kind := range kinds {
		for _, outcome := range []string{string(msg.Done), string(msg.Failed), outcomePermanent, string(msg.HandedBack), outcomeLost} {
			m.tasks.WithLabelValues(string(kind), outcome)
		}
		m.seconds.WithLabelValues(string(kind), string(msg.Done))
		m.inFlight.WithLabelValues(string(kind))
		if makes(kind) {
			m.frames.WithLabelValues(string(kind))
			m.media.WithLabelValues(string(kind))
		}
	}
	for _, direction := range []string{directionIn, directionOut} {
		m.moves.WithLabelValues(direction)
		m.failed.WithLabelValues(direction)
	}
	m.slots.WithLabelValues(cfg.Verb).Set(float64(cfg.Slots))
	for _, why := range []string{unreadMalformed, unreadForeign} {
		m.unread.WithLabelValues(cfg.Verb, why)
	}
}

// ended counts an attempt. Of one that is done, facts say what it made of its params.
func (m *metrics) ended(t *Task, outcome string, elapsed time.Duration, facts any) {
	m.tasks.WithLabelValues(string(t.Kind), outcome).Inc()
	m.seconds.WithLabelValues(string(t.Kind), outcome).Observe(elapsed.Seconds())
	if outcome != string(msg.Done) {
		return
	}
	var frames int
	switch facts := facts.(type) {
	case msg.RecordFacts:
		frames = facts.Frames
		m.distinct.Add(float64(facts.Distinct))
	case msg.VideoFacts:
		frames = facts.Frames
	default:
		return
	}
	kind := string(t.Kind)
	m.frames.WithLabelValues(kind).Add(float64(frames))
	var p struct {
		Rate msg.Rate `json:"rate"`
	}
	if json.Unmarshal(t.Grant.Params, &p) == nil && p.Rate.Num > 0 {
		m.media.WithLabelValues(kind).Add(float64(frames) * float64(p.Rate.Den) / float64(p.Rate.Num))
	}
}

// makes reports whether tasks of a kind make frames.
func makes(kind msg.Kind) bool {
	switch kind {
	case msg.Record, msg.Normalize, msg.Concat, msg.Overlay:
		return true
	}
	return false
}
