package schedule

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres/plantest"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

var updatePlans = flag.Bool("update-plans", false, "write testdata/plans.golden")

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// grows are the tables that have a row for each render of the backlog or of the history.
var grows = []string{"campaigns", "scenes", "renders", "render_jobs", "plans", "tasks", "attempts"}

// What control asks the database for all the time costs the same with a backlog and with a history:
// no statement of it reads a whole table, or many blocks. LOOM_LONG: with a million of renders.
func TestNoHotQueryGrowsWithBacklogOrHistory(t *testing.T) {
	queued, ended := 10_000, 10_000
	if os.Getenv("LOOM_LONG") != "" {
		ended = 1_000_000
	}
	e := explain(t, migrated.Database(t))
	fill(t, e, queued, ended)
	e.control(t)
	e.Check(t, maxBlocks)
	if os.Getenv("LOOM_LONG") == "" {
		e.Golden(t, filepath.Join("testdata", "plans.golden"), *updatePlans)
	}
}

// What batches call reads by indexes in a database that has hardly a row, too: the plans of its
// first tasks are kept, and it grows.
func TestPlansThatAreKeptAreThoseOfALargeDatabase(t *testing.T) {
	e := explain(t, migrated.Database(t))
	fill(t, e, 1, 10)
	e.control(t)
	e.Check(t, maxBlocks, "grant", "heartbeat", "results", "finish the render")
}

// explained is a database whose plans are noted.
type explained struct{ *plantest.Recorder }

func explain(t *testing.T, url string) explained {
	t.Helper()
	// The plans of a statement's first executions would be for its arguments.
	return explained{plantest.New(t, url, grows, "set plan_cache_mode = force_generic_plan")}
}

// maxBlocks is how many blocks of 8 kB a statement may read, with those in the functions that it
// calls: a batch of six tasks takes some hundreds.
const maxBlocks = 4000

// control takes a render through its tasks.
func (e explained) control(t *testing.T) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := &Scheduler{Config: Config{DB: e.Pool, Metrics: metrics, Log: zerolog.Nop()}, tasks: taskStore{db: e.Pool, lease: time.Minute, perHost: 6}}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	claimer := &claim.Claimer{DB: e.Pool, MaxRenders: 16, MaxPerOwner: 16, Limits: plan.Limits{Scene: time.Hour, Render: time.Hour}}
	var render uuid.UUID
	e.Note("claim and plan", func() {
		claimed, err := claimer.Next(ctx)
		must(err)
		if claimed.Outcome != claim.Planned {
			t.Fatalf("the claim is %+v", claimed)
		}
		render = claimed.Render
	})
	w := newWatcher(s)
	e.Note("watch all", func() {
		_, list, err := w.read(ctx)
		must(err)
		if len(list) != 1 {
			t.Errorf("%d plans are watched, want the one that is open", len(list))
		}
	})
	e.Note("watch one", func() {
		_, err := w.plans(ctx, lookQuery, time.Now().Add(-time.Second), texts([]uuid.UUID{render}))
		must(err)
	})
	e.Note("renders ended by the app", func() { must(w.closeEnded(ctx, true, nil)) })
	e.Note("what has changed", func() {
		horizon, _, err := w.changed(ctx, nil)
		must(err)
		_, _, err = w.changed(ctx, &horizon)
		must(err)
		must(w.closeEnded(ctx, false, []uuid.UUID{render}))
	})
	pages := pageStore{db: e.Pool, lease: time.Minute}
	e.Note("pages of preflights", func() {
		_, err := pages.due(ctx, nil, pagesAtOnce)
		must(err)
	})
	e.Note("metrics", func() { must(metrics.measure(ctx, s.tasks)) })

	// The whole graph, a round at a time.
	for range 8 {
		var requests []msg.GrantRequest
		e.Note("due tasks", func() {
			list, err := s.tasks.inHand(ctx, nil, []string{}, []string{}, window)
			must(err)
			for _, one := range list {
				if one.due != nil {
					requests = append(requests, msg.GrantRequest{Ref: one.due.Ref, Worker: "worker", RequestID: uuid.New()})
				}
			}
		})
		if len(requests) == 0 {
			break
		}
		e.Note("grant", func() {
			answers, err := s.tasks.grantAll(ctx, requests)
			must(err)
			for i, g := range answers {
				if g.verdict != msg.Granted {
					t.Fatalf("%v: %s %s", requests[i].Kind, g.verdict, g.reason)
				}
			}
		})
		var results []msg.Result
		for _, r := range requests {
			if r.Kind != msg.Upload {
				results = append(results, msg.Result{Ref: r.Ref, Attempt: 1, Outcome: msg.Done, Facts: json.RawMessage(`{"frames": 1}`)})
				continue
			}
			e.Note("finish the render", func() {
				var verdict string
				must(e.Pool.QueryRow(ctx, "select loom.finish_render($1::text::uuid, 1, 'v', 't', '{}'::jsonb)", r.TaskID.String()).Scan(&verdict))
				if verdict != "accepted" {
					t.Errorf("the render's end is %s", verdict)
				}
			})
		}
		// Progress is written once a second: now it is due, however busy the machine is.
		_, err := e.Quiet().Exec(ctx, "update renders set updated_at = clock_timestamp() - interval '2 seconds' where id = $1", render)
		must(err)
		e.Note("heartbeat", func() {
			answers, err := s.tasks.heartbeatAll(ctx, []msg.Heartbeat{{Ref: requests[0].Ref, Attempt: 1, Worker: "worker", Progress: 0.5}})
			must(err)
			if wanted := answers[0]; wanted == nil || *wanted != (requests[0].Kind != msg.Upload) {
				t.Errorf("the attempt is wanted: %v", wanted)
			}
		})
		if len(results) > 0 {
			e.Note("results", func() {
				verdicts, err := s.tasks.finishAll(ctx, results)
				must(err)
				if slices.ContainsFunc(verdicts, func(v string) bool { return v != "accepted" }) {
					t.Errorf("verdicts are %v", verdicts)
				}
			})
		}
	}
	var status string
	must(e.Pool.QueryRow(ctx, "select status from renders where id = $1::text::uuid", render.String()).Scan(&status))
	if status != "done" {
		t.Errorf("the render is %s", status)
	}
	e.Note("the app deletes a campaign", func() {
		_, err := e.Pool.Exec(ctx, "delete from campaigns where id = (select campaign_id from renders where id = $1::text::uuid)", render.String())
		must(err)
	})
}

// fill makes renders that are queued, of 100 users, and renders that have ended, by SQL. Of those,
// the first 100,000 have tasks: maintenance takes them from older ones.
func fill(t *testing.T, e explained, queued, ended int) {
	t.Helper()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := e.Quiet().Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	const atOnce, withTasks = 50_000, 100_000
	for from := 0; from < ended; from += atOnce {
		// Ids are as random as those of renders.
		exec(`
		with off as materialized (select set_config('session_replication_role', 'replica', true)),
		     n as materialized (select n, md5('render ' || n)::uuid as id, md5('campaign ' || n / 10)::uuid as campaign
		                          from off, generate_series($1::int, $1::int + $2::int - 1) n),
		     c as (insert into campaigns (id, name, user_id) select campaign, 'past', md5((n / 10 % 100)::text)::uuid from n where n % 10 = 0),
		     s as (insert into scenes (campaign_id, url, duration_sec, order_index) select campaign, 'https://example.com/', 1, 0 from n where n % 10 = 0),
		     r as (insert into renders (id, campaign_id, status, progress) select id, campaign, 'done', 100 from n),
		     j as (insert into render_jobs (id, render_id, state) select id, id, 'completed' from n),
		     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries, outcome, created_at, ended_at)
		           select id, id, id, '{"scenes": []}', 3, 'done', now() - interval '2 days', now() - interval '2 days' from n),
		     k as materialized (select md5(kind || n)::uuid as task, id, kind from n, unnest('{record,normalize}'::text[]) k (kind) where $3::boolean),
		     t as (insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, attempt, keys)
		           select task, id, id, kind, 0, '{}', 1, 'done', 1, '{}' from k)
		insert into loom.attempts (task_id, attempt, worker, ended_at, outcome) select task, 1, 'past', now(), 'done' from k`,
			from, min(ended-from, atOnce), from < withTasks)
	}
	exec("create table past_and_queued (id uuid)")
	exec(`
		with c as (insert into campaigns (name, user_id) select 'queued', md5((n % 100)::text)::uuid from generate_series(1, $1::int) n returning id),
		     s as (insert into scenes (campaign_id, url, duration_sec, order_index)
		           select id, 'https://' || id || '.example/' || n, 1, n from c, generate_series(1, 3) n returning 1),
		     r as (insert into renders (campaign_id) select id from c returning id)
		insert into past_and_queued select id from r`, queued)
	exec("insert into render_jobs (render_id) select id from past_and_queued")
	exec("vacuum analyze")
}
