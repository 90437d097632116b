package web_test

import (
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/postgres/plantest"
	"github.com/loom-lite/loom-lite/services/console/access"
)

var updatePlans = flag.Bool("update-plans", false, "write testdata/plans.golden")

// grows are the tables that have a row for each render, or more.
var grows = []string{
	"campaigns", "scenes", "renders", "render_jobs", "plans", "tasks", "attempts", "webhook_events", "webhook_deliveries", "webhook_attempts", "audit",
}

// maxBlocks is how many blocks of 8 kB a statement of a page may read.
const maxBlocks = 12_000

// history makes what an installation has gathered: renders that have ended long ago, whose tasks
// are gone, entries of the audit log, and deliveries, of which a few are dead.
func history(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{
		`with off as materialized (select set_config('session_replication_role', 'replica', true)),
		      n as materialized (select n, md5('render ' || n)::uuid as id, md5('campaign ' || n / 10)::uuid as campaign from off, generate_series(0, 59999) n),
		      c as (insert into public.campaigns (id, name, user_id) select campaign, 'Past ' || n, md5((n / 10 % 100)::text)::uuid from n where n % 10 = 0)
		 insert into public.renders (id, campaign_id, status, progress, error_code, error_message, created_at)
		 select id, campaign, case when n % 30 = 0 then 'failed' else 'done' end, 100, case when n % 30 = 0 then 'scene_timeout' end, case when n % 30 = 0 then 'It took too long.' end,
		        now() - interval '8 days' - n * interval '1 minute' from n`,
		`insert into loom.audit (at, kind, actor, name, action, target) select now() - n * interval '1 minute', 'operator', 'ada', 'Ada', 'render.cancel', 'render/' || md5('render ' || n)::uuid
		   from generate_series(20000, 1, -1) n`,
		`with e as (insert into loom.webhook_events (id, type, data, endpoint_id, fanned_at, created_at)
		            select md5('event ' || n)::uuid, 'endpoint.test', '{}', '` + someEndpoint + `', now(), now() - n * interval '1 minute' from generate_series(1, 20000) n returning *)
		 insert into loom.webhook_deliveries (id, event_id, endpoint_id, state, attempt, status, ended_at, created_at) select id, id, endpoint_id, 'delivered', 1, 200, now(), created_at from e`,
		"insert into loom.webhook_attempts (delivery_id, attempt, ended_at, status) select id, 1, now(), 200 from loom.webhook_deliveries where attempt = 1 on conflict do nothing",
		// All rows are looked at, not some that chance has chosen: plans are the same each time.
		"set default_statistics_target = 1000", "vacuum analyze",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// No page reads the whole of a table that has a row for each render.
func TestNoPageReadsAWholeTable(t *testing.T) {
	database := migrated.Database(t)
	seed(t, database, 10_000)
	r := plantest.New(t, database, grows, "set max_parallel_workers_per_gather = 0")
	history(t, r.Quiet())
	d := startWith(t, "", r.Pool)
	p := d.signedIn(access.Admin, nil)
	for _, path := range append([]string{
		"/renders?q=acme+4", "/renders?status=active", "/renders?status=failed&code=scene_timeout", "/renders?stage=record", "/renders?within=1h",
		"/renders?user=00000000-0000-4000-8000-000000000003", "/cache?host=app.example.com", "/audit?within=1h", "/deliveries",
	}, all...) {
		if path == "/no-such-page" {
			continue
		}
		status := 0
		at := strings.ReplaceAll(path, "ID", d.someRender("failed"))
		r.Note(path, func() { status, _, _ = p.get(at) })
		if status != http.StatusOK {
			t.Errorf("%s answers %d", path, status)
		}
	}
	// No index has parts of texts, and one of statuses would make each change of one cost more.
	r.Allow("/renders?q=nothing+like+it", "renders", "campaigns")
	r.Allow("/renders?status=active", "renders")
	// All that match are counted.
	r.Allow("/bulk/new?status=failed&action=retry", "renders")
	// It lists hundreds: as many look-ups cost as much, while there are so few renders.
	r.Allow("/dead", "renders")
	r.Check(t, maxBlocks)
	r.Golden(t, filepath.Join("testdata", "plans.golden"), *updatePlans)
}
