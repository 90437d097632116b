package stage

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// metrics are a worker's, by kind of task. Workers that share a registry share them.
type metrics struct {
	tasks    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	slots    *prometheus.GaugeVec
	unread   *prometheus.CounterVec
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
	var err error
	if m.tasks, err = shared(registry, m.tasks); err != nil {
		return nil, err
	}
	if m.seconds, err = shared(registry, m.seconds); err != nil {
		return nil, err
	}
	if m.inFlight, err = shared(registry, m.inFlight); err != nil {
		return nil, err
	}
	if m.slots, err = shared(registry, m.slots); err != nil {
		return nil, err
	}
	m.unread, err = shared(registry, m.unread)
	return m, err
}

// begin makes the series of a worker, at 0: of a series that begins with 1, rate() and increase()
// do not see the first event.
func (m *metrics) begin(cfg Config, kinds []msg.Kind) {
	for _, kind := range kinds {
		for _, outcome := range []string{string(msg.Done), string(msg.Failed), outcomePermanent, string(msg.HandedBack), outcomeLost} {
			m.tasks.WithLabelValues(string(kind), outcome)
		}
		m.inFlight.WithLabelValues(string(kind))
	}
	m.slots.WithLabelValues(cfg.Verb).Set(float64(cfg.Slots))
	for _, why := range []string{unreadMalformed, unreadForeign} {
		m.unread.WithLabelValues(cfg.Verb, why)
	}
}

// shared registers c, or returns the one that another worker registered.
func shared[C prometheus.Collector](registry *prometheus.Registry, c C) (C, error) {
	err := registry.Register(c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if c, ok := there.ExistingCollector.(C); ok {
			return c, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register metrics: %w", err)
	}
	return c, nil
}

func (m *metrics) settled(kind msg.Kind, outcome string, elapsed time.Duration) {
	m.tasks.WithLabelValues(string(kind), outcome).Inc()
	m.seconds.WithLabelValues(string(kind), outcome).Observe(elapsed.Seconds())
}
