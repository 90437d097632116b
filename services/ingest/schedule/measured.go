package schedule

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// measuredFor is how long gauges that are read from the database are shown. Then they are left
	// out: while the database is away, nobody may take old numbers for new ones.
	measuredFor = 30 * time.Second
	// queueEvery is the shortest interval between two readings of the queue, which takes the longer
	// the more jobs are queued.
	queueEvery = 10 * time.Second
	// queueMost bounds what is counted of the queue.
	queueMost = 100_000
)

// measured are the gauges that are read from the database. Each group has the time of its last
// reading.
type measured struct {
	tasks atomic.Pointer[tasksReading]
	queue atomic.Pointer[queueReading]
	rests atomic.Pointer[restsReading]
}

type tasksReading struct {
	at                   time.Time
	due, running         map[string]int
	oldest               map[string]float64 // seconds
	open, aside, letters int
	unfinished           []int   // by stage
	oldestOpen           float64 // seconds
	paused               []string
}

// statuses are those of renders that have unfinished tasks, by loom.stage_rank from 1.
var statuses = [...]string{"recording", "normalizing", "concatenating", "overlaying", "uploading"}

type queueReading struct {
	at     time.Time
	jobs   int
	oldest float64 // seconds
}

type restsReading struct {
	at      time.Time
	byStage map[string]int
}

var (
	dueDesc = prometheus.NewDesc("loom_tasks_due",
		"Tasks that wait for a worker, by kind. The same on every replica.", []string{"kind"}, nil)
	oldestDueDesc = prometheus.NewDesc("loom_tasks_oldest_due_seconds",
		"For how long the oldest task that waits for a worker has been due, by kind; 0: none waits. The same on every replica.", []string{"kind"}, nil)
	runningDesc = prometheus.NewDesc("loom_tasks_running",
		"Tasks that a worker holds a lease on, by kind. The same on every replica.", []string{"kind"}, nil)
	pausedDesc = prometheus.NewDesc("loom_tasks_paused",
		"1 while no task of a kind begins because its stage is paused. The same on every replica.", []string{"kind"}, nil)
	openDesc = prometheus.NewDesc("loom_renders_open",
		"Renders that are planned and have not ended. The same on every replica.", nil, nil)
	oldestOpenDesc = prometheus.NewDesc("loom_renders_oldest_seconds",
		"How long ago the oldest render that has not ended was planned; 0: there is none. The same on every replica.", nil, nil)
	unfinishedDesc = prometheus.NewDesc("loom_tasks_unfinished",
		"Tasks of open renders that are not done, those that wait for others included, by the render's status while they are. The same on every replica.",
		[]string{"status"}, nil)
	asideDesc = prometheus.NewDesc("loom_jobs_set_aside",
		"Jobs that the database refuses to have begun, and that are tried again. The same on every replica.", nil, nil)
	lettersDesc = prometheus.NewDesc("loom_dead_letters",
		"Dead letters that wait for an operator, 1000 at most. The same on every replica.", nil, nil)
	jobsDesc = prometheus.NewDesc("loom_jobs_queued",
		"Jobs that wait to be begun, 100000 at most. The same on every replica.", nil, nil)
	oldestJobDesc = prometheus.NewDesc("loom_jobs_oldest_seconds",
		"For how long the oldest job has waited to be begun; 0: none waits. The same on every replica.", nil, nil)
	restingDesc = prometheus.NewDesc("loom_workers_resting",
		"Workers that rest because they kept failing what others could do, by stage. The same on every replica.", []string{"stage"}, nil)
	measuredDesc = prometheus.NewDesc("loom_measured_timestamp_seconds",
		"When this replica last read the gauges of tasks from the database. They are left out half a minute later.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *measured) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{dueDesc, oldestDueDesc, runningDesc, pausedDesc, openDesc, oldestOpenDesc, unfinishedDesc, asideDesc, lettersDesc,
		jobsDesc, oldestJobDesc, restingDesc, measuredDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector: it shows what was read lately.
func (m *measured) Collect(ch chan<- prometheus.Metric) { m.collect(ch, time.Now()) }

func (m *measured) collect(ch chan<- prometheus.Metric, now time.Time) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	lately := func(at time.Time) bool { return now.Sub(at) < measuredFor }
	if r := m.tasks.Load(); r != nil {
		gauge(measuredDesc, float64(r.at.UnixMilli())/1000)
		if lately(r.at) {
			for _, k := range msg.Kinds {
				kind := string(k)
				gauge(dueDesc, float64(r.due[kind]), kind)
				gauge(oldestDueDesc, r.oldest[kind], kind)
				gauge(runningDesc, float64(r.running[kind]), kind)
				paused := 0.0
				if slices.Contains(r.paused, kind) {
					paused = 1
				}
				gauge(pausedDesc, paused, kind)
			}
			gauge(openDesc, float64(r.open))
			gauge(oldestOpenDesc, r.oldestOpen)
			for i, n := range r.unfinished {
				gauge(unfinishedDesc, float64(n), statuses[i])
			}
			gauge(asideDesc, float64(r.aside))
			gauge(lettersDesc, float64(r.letters))
		}
	}
	if r := m.queue.Load(); r != nil && lately(r.at) {
		gauge(jobsDesc, float64(r.jobs))
		gauge(oldestJobDesc, r.oldest)
	}
	if r := m.rests.Load(); r != nil && lately(r.at) {
		for stage, n := range r.byStage {
			gauge(restingDesc, float64(n), stage)
		}
	}
}

// measure reads the gauges of tasks from the database.
func (m *measured) measure(ctx context.Context, t taskStore) error {
	r := &tasksReading{at: time.Now(), due: map[string]int{}, running: map[string]int{}, oldest: map[string]float64{}}
	rows, err := t.db.Query(ctx, `
		select k.kind, count(*) filter (where k.is_due), count(*) filter (where not k.is_due and k.state = 'running'),
		       coalesce(extract(epoch from clock_timestamp() - min(k.since) filter (where k.is_due)), 0)::float8
		  from (select kind, state, state = 'due' and not_before <= clock_timestamp() or state = 'running' and lease_until < clock_timestamp() as is_due,
		               case state when 'due' then greatest(not_before, created_at) else lease_until end as since
		          from loom.tasks where state in ('due', 'running')) k
		 group by k.kind`)
	if err != nil {
		return fmt.Errorf("count tasks: %w", err)
	}
	// Kinds without such tasks have no row, and are zero.
	var kind string
	var due, running int
	var oldest float64
	_, err = pgx.ForEachRow(rows, []any{&kind, &due, &running, &oldest}, func() error {
		r.due[kind], r.running[kind], r.oldest[kind] = due, running, max(0, oldest)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count tasks: %w", err)
	}
	err = t.db.QueryRow(ctx, `select p.open, p.unfinished, p.oldest, (select count(*) from loom.set_aside),
		array(select kind from loom.paused),
		(select count(*) from (select from loom.dead_letters where settled is null limit 1000) as d)
		  from (select count(*) as open, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as oldest,
		               array[coalesce(sum(unfinished[1]), 0), coalesce(sum(unfinished[2]), 0), coalesce(sum(unfinished[3]), 0),
		                     coalesce(sum(unfinished[4]), 0), coalesce(sum(unfinished[5]), 0)]::int[] as unfinished
		          from loom.plans where ended_at is null) p`).Scan(&r.open, &r.unfinished, &r.oldestOpen, &r.aside, &r.paused, &r.letters)
	if err != nil {
		return fmt.Errorf("count renders: %w", err)
	}
	m.tasks.Store(r)
	return nil
}

// measureQueue reads the gauges of the queue, unless it has read them lately.
func (m *measured) measureQueue(ctx context.Context, t taskStore) error {
	r := &queueReading{at: time.Now()}
	if last := m.queue.Load(); last != nil && r.at.Sub(last.at) < queueEvery {
		return nil
	}
	err := t.db.QueryRow(ctx, `
		select count(*), coalesce(extract(epoch from clock_timestamp() - min(j.since)), 0)::float8
		  from (select coalesce(queued_at, created_at::timestamptz) as since from render_jobs where state = 'queued' limit $1::int) j`,
		queueMost).Scan(&r.jobs, &r.oldest)
	if err != nil {
		return fmt.Errorf("count jobs: %w", err)
	}
	r.oldest = max(0, r.oldest)
	m.queue.Store(r)
	return nil
}
