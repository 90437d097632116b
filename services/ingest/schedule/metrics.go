package schedule

import (
	"cmp"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// Metrics are ingest's metrics of the pipeline. Scale workers on due tasks: streams hold only a
// window of them.
type Metrics struct {
	measured

	published prometheus.Counter
	replaced  prometheus.Counter
	recreated prometheus.Counter
	grants    *prometheus.CounterVec
	results   *prometheus.CounterVec
	failures  *prometheus.CounterVec
	reused    *prometheus.CounterVec
	dead      *prometheus.CounterVec
	errors    *prometheus.CounterVec
	lapsed    *prometheus.CounterVec
	ended     *prometheus.CounterVec
}

// NewMetrics returns metrics that are registered with registry.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{Name: "loom_tasks_published_total",
			Help: "Task messages published, repetitions that their stream took included."}),
		replaced: prometheus.NewCounter(prometheus.CounterOpts{Name: "loom_tasks_replaced_total",
			Help: "Task messages that kept their subject though nobody worked on their task, and were replaced."}),
		recreated: prometheus.NewCounter(prometheus.CounterOpts{Name: "loom_consumers_remade_total",
			Help: "Consumers that had lost messages of their stream and were made again."}),
		grants: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_grants_total",
			Help: "Answers to grant requests, by verdict."}, []string{"verdict"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_results_total",
			Help: "Results of attempts, by what became of them."}, []string{"outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_attempts_failed_total",
			Help: "Attempts that failed, those that are tried again included, by kind and error code."}, []string{"kind", "code"}),
		reused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_tasks_reused_total",
			Help: "Tasks of renders that are done which were done with what others had made, by kind."}, []string{"kind"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_dead_letters_total",
			Help: "Tasks that failed for good, and messages that could not be read, by kind and code."}, []string{"kind", "code"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_database_errors_total",
			Help: "Errors of the database, by what was done (claim, conduct, grant, heartbeat, result) and SQLSTATE; none: no answer."},
			[]string{"work", "code"}),
		lapsed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_leases_lapsed_total",
			Help: "Leases that lapsed because their worker was not heard of any more, by kind."}, []string{"kind"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_renders_ended_total",
			Help: "Renders that ended, by status: done, failed, cancelled. Each is counted by one replica."}, []string{"status"}),
	}
	for _, c := range []prometheus.Collector{&m.measured, m.published, m.replaced, m.recreated, m.grants, m.results, m.failures, m.reused,
		m.dead, m.errors, m.lapsed, m.ended} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	m.begin()
	return m, nil
}

// begin makes the series that are known, at 0: of a series that begins with 1, rate() and
// increase() do not see the first event.
func (m *Metrics) begin() {
	for _, verdict := range []msg.Verdict{msg.Granted, msg.Later, msg.Drop, "unreadable", "error"} {
		m.grants.WithLabelValues(string(verdict))
	}
	for _, outcome := range []string{"accepted", "already", "stale", "retry", verdictFailed,
		outcomeMalformed, outcomeVersion, outcomeError, outcomeHeld} {
		m.results.WithLabelValues(outcome)
	}
	for _, work := range []string{"claim", "conduct", "grant", "heartbeat", "result"} {
		m.errors.WithLabelValues(work, "none")
	}
	for _, status := range endings {
		m.ended.WithLabelValues(status)
	}
	for _, kind := range msg.AllKinds() {
		m.lapsed.WithLabelValues(string(kind))
		m.reused.WithLabelValues(string(kind))
		for _, code := range msg.CodesOf(kind) {
			m.failures.WithLabelValues(string(kind), string(code))
			m.dead.WithLabelValues(string(kind), string(code))
		}
		m.dead.WithLabelValues(string(kind), string(codeUnreadable))
	}
}

// endings are the status of renders that have ended.
var endings = []string{"done", "failed", "cancelled"}

// failed counts an attempt that failed.
func (m *Metrics) failed(kind msg.Kind, code msg.Code) {
	m.failures.WithLabelValues(string(kind), string(code)).Inc()
}

// DatabaseError counts an error of the database, by the work that met it.
func (m *Metrics) DatabaseError(work string, err error) {
	m.errors.WithLabelValues(work, cmp.Or(postgres.SQLState(err), "none")).Inc()
}
