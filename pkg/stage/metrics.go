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
}

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
	}
	var err error
	if m.tasks, err = shared(registry, m.tasks); err != nil {
		return nil, err
	}
	if m.seconds, err = shared(registry, m.seconds); err != nil {
		return nil, err
	}
	m.inFlight, err = shared(registry, m.inFlight)
	return m, err
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
