package maintain

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the maintenance's. All but leads are of this replica's terms: those of replicas that
// never led are zero.
type Metrics struct {
	leads       prometheus.Gauge
	runs        *prometheus.CounterVec
	seconds     *prometheus.CounterVec
	removed     *prometheus.CounterVec
	lastSuccess *prometheus.GaugeVec
	tables      map[string]*prometheus.GaugeVec
}

// NewMetrics returns metrics that are registered with registry.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		leads: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_maintenance_leader",
			Help: "1 on the replica that runs the maintenance, 0 on the others."}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_maintenance_runs_total",
			Help: "Runs of a job of the maintenance, by outcome: done, failed."}, []string{"work", "outcome"}),
		seconds: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_maintenance_seconds_total",
			Help: "Time that the runs of a job took."}, []string{"work"}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_maintenance_removed_total",
			Help: "What a job has removed: rows, objects, uploads."}, []string{"work", "what"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "loom_maintenance_last_success_timestamp_seconds",
			Help: "When a job last did everything that was due."}, []string{"work"}),
	}
	table := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help + " Only on the leader."}, []string{"table"})
	}
	m.tables = map[string]*prometheus.GaugeVec{
		"rows":  table("loom_table_rows", "Rows of a table, as the database's statistics have it."),
		"dead":  table("loom_table_dead_rows", "Rows that were deleted or replaced and that vacuum has not removed."),
		"bytes": table("loom_table_bytes", "Size of a table with its indexes."),
	}
	for _, c := range []prometheus.Collector{m.leads, m.runs, m.seconds, m.removed, m.lastSuccess,
		m.tables["rows"], m.tables["dead"], m.tables["bytes"]} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// ended forgets what only a leader measures.
func (m *Metrics) ended() {
	m.leads.Set(0)
	for _, g := range m.tables {
		g.Reset()
	}
}

// ran counts one run of a job.
func (m *Metrics) ran(job string, took time.Duration, err error) {
	m.seconds.WithLabelValues(job).Add(took.Seconds())
	if err != nil {
		m.runs.WithLabelValues(job, "failed").Inc()
		return
	}
	m.runs.WithLabelValues(job, "done").Inc()
	m.lastSuccess.WithLabelValues(job).SetToCurrentTime()
}
