package webhooks

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the courier's.
type Metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
	pending  prometheus.Gauge
	dead     prometheus.Gauge
	oldest   prometheus.Gauge
}

// NewMetrics returns metrics that are registered with registry.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_webhook_attempts_total",
			Help: "Requests of this console, by outcome: delivered, retried, dead, gone."}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "loom_webhook_attempt_seconds",
			Help: "How long requests took.", Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15}}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_webhook_deliveries_pending",
			Help: "Deliveries that are not over, of endpoints that are enabled."}),
		dead: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_webhook_deliveries_dead",
			Help: "Deliveries that were given up and are kept."}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_webhook_oldest_due_seconds",
			Help: "For how long the next attempt of a delivery has been due."}),
	}
	for _, c := range []prometheus.Collector{m.attempts, m.seconds, m.pending, m.dead, m.oldest} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, outcome := range []string{Delivered, "retried", Dead, "gone"} {
		m.attempts.WithLabelValues(outcome)
	}
	return m, nil
}

func (m *Metrics) attempted(a answer, state string, took time.Duration) {
	outcome := "retried"
	switch {
	case a.delivered():
		outcome = Delivered
	case a.gone():
		outcome = "gone"
	case state == Dead:
		outcome = Dead
	}
	m.attempts.WithLabelValues(outcome).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *Metrics) waiting(pending, dead int, oldest float64) {
	m.pending.Set(float64(pending))
	m.dead.Set(float64(dead))
	m.oldest.Set(oldest)
}
