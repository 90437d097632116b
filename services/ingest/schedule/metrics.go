package schedule

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// Metrics are ingest's metrics of the pipeline. Scale workers on due tasks: streams hold only a
// window of them.
type Metrics struct {
	due, running *prometheus.GaugeVec
	open         prometheus.Gauge
	published    prometheus.Counter
	replaced     prometheus.Counter
	recreated    prometheus.Counter
	grants       *prometheus.CounterVec
	results      *prometheus.CounterVec
	reused       *prometheus.CounterVec
	setAside     prometheus.Gauge
	paused       *prometheus.GaugeVec
	dead         *prometheus.CounterVec
	letters      prometheus.Gauge
	resting      *prometheus.GaugeVec
	errors       *prometheus.CounterVec
}

// NewMetrics returns metrics that are registered with registry.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		due: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "loom_tasks_due",
			Help: "Tasks that wait for a worker, by kind. The same on every replica."}, []string{"kind"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "loom_tasks_running",
			Help: "Tasks that a worker holds a lease on, by kind. The same on every replica."}, []string{"kind"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_renders_open",
			Help: "Renders that are planned and have not ended. The same on every replica."}),
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
		reused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_tasks_reused_total",
			Help: "Tasks of renders that are done which were done with what others had made, by kind."}, []string{"kind"}),
		setAside: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_jobs_set_aside",
			Help: "Jobs that the database refuses to have begun, and that are tried again. The same on every replica."}),
		paused: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "loom_tasks_paused",
			Help: "1 while no task of a kind begins because its stage is paused. The same on every replica."}, []string{"kind"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_dead_letters_total",
			Help: "Tasks that failed for good, and messages that could not be read, by kind and code."}, []string{"kind", "code"}),
		letters: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loom_dead_letters",
			Help: "Dead letters that wait for an operator, 1000 at most. The same on every replica."}),
		resting: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "loom_workers_resting",
			Help: "Workers that rest because they kept failing what others could do, by stage. The same on every replica."},
			[]string{"stage"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_database_errors_total",
			Help: "Errors of the database, by what was done (claim, conduct, grant, heartbeat, result) and SQLSTATE; none: no answer."},
			[]string{"work", "code"}),
	}
	for _, c := range []prometheus.Collector{m.due, m.running, m.open, m.published, m.replaced, m.recreated, m.grants, m.results, m.reused,
		m.setAside, m.paused, m.dead, m.letters, m.resting, m.errors} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// DatabaseError counts an error of the database, by the work that met it.
func (m *Metrics) DatabaseError(work string, err error) {
	m.errors.WithLabelValues(work, cmp.Or(postgres.SQLState(err), "none")).Inc()
}

// measure reads the gauges from the database.
func (m *Metrics) measure(ctx context.Context, t taskStore) error {
	rows, err := t.db.Query(ctx, `
		select kind, count(*) filter (where state = 'due' and not_before <= clock_timestamp()
		                                 or state = 'running' and lease_until < clock_timestamp()),
		       count(*) filter (where state = 'running' and lease_until >= clock_timestamp())
		  from loom.tasks where state in ('due', 'running') group by kind`)
	if err != nil {
		return fmt.Errorf("count tasks: %w", err)
	}
	// Kinds without such tasks have no row, and are zero.
	due, running := map[string]int{}, map[string]int{}
	var kind string
	var nDue, nRunning int
	_, err = pgx.ForEachRow(rows, []any{&kind, &nDue, &nRunning}, func() error {
		due[kind], running[kind] = nDue, nRunning
		return nil
	})
	if err != nil {
		return fmt.Errorf("count tasks: %w", err)
	}
	var open, aside, letters int
	var paused []string
	err = t.db.QueryRow(ctx, `select (select count(*) from loom.plans where ended_at is null), (select count(*) from loom.set_aside),
		array(select kind from loom.paused),
		(select count(*) from (select from loom.dead_letters where settled is null limit 1000) as d)`).Scan(&open, &aside, &paused, &letters)
	if err != nil {
		return fmt.Errorf("count renders: %w", err)
	}
	for _, k := range msg.Kinds {
		m.due.WithLabelValues(string(k)).Set(float64(due[string(k)]))
		isPaused := 0.0
		if slices.Contains(paused, string(k)) {
			isPaused = 1
		}
		m.paused.WithLabelValues(string(k)).Set(isPaused)
		m.running.WithLabelValues(string(k)).Set(float64(running[string(k)]))
	}
	m.open.Set(float64(open))
	m.setAside.Set(float64(aside))
	m.letters.Set(float64(letters))
	return nil
}
