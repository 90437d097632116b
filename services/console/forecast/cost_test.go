package forecast

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// fill makes renders of three scenes that are queued, of 100 users, and of 300 others that have
// ended, with receipts.
func (s *site) fill(queued, ended int) (last uuid.UUID) {
	s.t.Helper()
	s.capacity(4, 4, 2, 16)
	s.exec(`with off as materialized (select set_config('session_replication_role', 'replica', true)),
		     c as (insert into campaigns (name) select 'past' from off returning id),
		     r as (insert into renders (campaign_id, status) select id, 'done' from c, generate_series(1, $1::int) returning id),
		     j as (insert into render_jobs (render_id, state) select id, 'completed' from r returning render_id),
		     p as (insert into loom.plans (id, render_id, campaign, max_retries, outcome, created_at, ended_at, owner)
		           select gen_random_uuid(), render_id, '{}', 3, 'done', now() - interval '1 day', now() - random() * interval '1 day', '' from j
		           returning id, render_id, ended_at),
		     t as (insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state)
		           select gen_random_uuid(), p.id, p.render_id, 'record', n, '{"frames": 300}', 1, 'done' from p, generate_series(0, 2) n returning 1)
		insert into loom.receipts (plan_id, render_id, owner, outcome, ended_at, seconds, cpu_ms, bytes_in, bytes_out, bytes_web, kinds)
		select id, render_id, '', 'done', ended_at, 10, 0, 0, 0, 0, '{"record": {"made": 3, "frames": 900, "made_ms": 9000}, "normalize": {"made": 15, "frames": 900, "made_ms": 15}}'
		  from p where (select count(*) from t) > 0`, ended)
	s.exec("create table these (id uuid, place int)")
	s.exec(`with c as (insert into campaigns (name, user_id, output_fps) select n::text, md5((n % 100)::text)::uuid, 30 from generate_series(1, $1::int) n returning id, name),
		     s as (insert into scenes (campaign_id, url, duration_sec, order_index)
		           select id, 'https://' || name || '.example/', 10, n from c, generate_series(1, 3) n returning 1),
		     r as (insert into renders (campaign_id) select id from c returning id)
		insert into these select id, row_number() over () from r where (select count(*) from s) > 0`, queued)
	s.exec("insert into render_jobs (render_id) select id from these order by place")
	s.exec("vacuum analyze")
	err := s.QueryRow(s.t.Context(), "select render_id from render_jobs where state = 'queued' order by priority, queue_turn desc, created_at desc, id desc limit 1").Scan(&last)
	if err != nil {
		s.t.Fatal(err)
	}
	return last
}

// grows are the tables that have rows for each render of the backlog or of the history.
var grows = []string{"campaigns", "scenes", "renders", "render_jobs", "plans", "tasks", "receipts"}

// However long the queue and the history are, a bounded part of them is read, by indexes.
func TestAForecastReadsNeitherTheWholeQueueNorTheHistory(t *testing.T) {
	s := newSite(t)
	s.fill(3000, 3000)
	tx, err := s.forecaster.db.BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	var found state
	if err := found.read(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if len(found.queue) != queuedAtMost || len(found.receipts) != receiptsAtMost || found.waiting != 3000 {
		t.Errorf("%d queued renders, %d receipts and %d jobs are read", len(found.queue), len(found.receipts), found.waiting)
	}
	rows, err := tx.Query(t.Context(), `select relname::text, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
		where relname = any ($1::text[])`, grows)
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var scanned, fetched int
	seen := 0
	_, err = pgx.ForEachRow(rows, []any{&name, &scanned, &fetched}, func() error {
		if seen++; scanned > 0 || fetched > 10*queuedAtMost && name != "render_jobs" {
			t.Errorf("of %s %d rows are scanned, and %d found by an index", name, scanned, fetched)
		}
		return nil
	})
	if err != nil || seen < 6 {
		t.Errorf("%d tables were looked at, %v", seen, err)
	}
}

func TestTheLastOfALongQueueHasAForecast(t *testing.T) {
	s := newSite(t)
	last := s.fill(1000, 100)
	f, seconds := s.of(last)
	// Four record 3000 scenes, each of which takes 3 s.
	if f.Position == nil || *f.Position != 999 || seconds < 2100 || seconds > 2500 {
		t.Errorf("it is %s, and ends in %.0f s", describe(f), seconds)
	}
	b, err := s.forecaster.Backlog(t.Context())
	if err != nil || b.Queued != 1000 || b.ETA == nil || b.ETA.EstimatedEnd == nil {
		t.Errorf("the backlog is %+v, %v", b, err)
	}
	var list []uuid.UUID
	rows, err := s.Query(t.Context(), "select render_id from render_jobs where state = 'queued' order by priority desc, queue_turn, created_at, id offset 500 limit 100")
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		t.Fatal(err)
	}
	forecasts, err := s.forecaster.Of(t.Context(), list...)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range list {
		if f := forecasts[id]; f.Position == nil || *f.Position != 500+i || f.ETA == nil {
			t.Fatalf("the one behind %d others is %+v", 500+i, f)
		}
	}
}

// describe writes a forecast in full.
func describe(f Forecast) string {
	place, ends := "not queued", "never"
	if f.Position != nil {
		place = fmt.Sprintf("behind %d", *f.Position)
	}
	if f.ETA != nil && f.ETA.EstimatedEnd != nil {
		ends = f.ETA.EstimatedEnd.String()
	}
	return place + ", " + ends
}

// 10,000 renders are queued, and 10,000 have ended.
func BenchmarkForecast(b *testing.B) {
	s := newSite(b)
	last := s.fill(10_000, 10_000)
	for _, c := range []string{"database", "all", "last of the queue, found before"} {
		b.Run(strings.ReplaceAll(c, " ", "-"), func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				begun := time.Now()
				switch c {
				case "database":
					if _, err := read(b.Context(), s.forecaster.db); err != nil {
						b.Fatal(err)
					}
				case "all":
					s.forecaster.last = nil
					fallthrough
				default:
					s.forecaster.looked = time.Now()
					if _, err := s.forecaster.Of(b.Context(), last); err != nil {
						b.Fatal(err)
					}
				}
				times = append(times, time.Since(begun))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[0])/1e6, "ms-fastest")
			b.ReportMetric(float64(times[len(times)/2])/1e6, "ms-median")
		})
	}
}
