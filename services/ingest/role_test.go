package ingest_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// A render is claimed, planned and closed by a role that has the rights that the docs list, and no
// others. Without them /readyz says what is missing, although no query fails: the role sees no job.
func TestARoleOfItsOwnNeedsWhatTheDocsList(t *testing.T) {
	for name, of := range map[string]migrationstest.Of{"bypassing row level security": migrationstest.Bypass, "with policies": migrationstest.Policies} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := migrationstest.LeastRole(t)
			r := &rig{t: t, dbURL: role.URL, nats: stagetest.StartNATS(t), store: unusedStore}
			worker, app := r.pool(role.URL), r.pool(role.OwnerURL)
			r.db = app
			p := r.ingest(nil)
			says := func(what string) {
				t.Helper()
				r.eventually("/readyz says "+what, func() (bool, string) {
					err := p.ready(t)
					return err != nil && strings.Contains(err.Error(), what), ""
				})
			}
			says("schema loom may not be used by the role of DATABASE_URL")
			render := r.submit(small)
			role.GrantTables()
			says("public.renders hides its rows from the role of DATABASE_URL by row level security")
			role.Grant(of)
			r.eventually("/readyz is content", func() (bool, string) { return p.ready(t) == nil, "" })

			w := &rig{t: t, dbURL: role.URL, db: worker, nats: r.nats}
			w.work("worker", nil)
			if o := r.ended(render); o.status != "done" || o.job != "completed" {
				t.Errorf("the render ended as %+v", o)
			}
			refused := r.submit(campaign{})
			if o := r.ended(refused); o.status != "failed" || o.job != "failed" {
				t.Errorf("the empty render ended as %+v", o)
			}
			cancelled := r.submit(small)
			r.exec("update renders set status = 'cancelled' where id = $1", cancelled)
			r.until("its job is closed", "select not exists (select from render_jobs where render_id = $1 and state in ('queued', 'running'))", cancelled)
			r.exec("delete from renders where id = $1", render)
			r.until("what is left of it is known", "select exists (select from loom.leftovers where render_id = $1)", render)
		})
	}
}

// The same with the groups that the migrations make: ingest's role cannot close an upload, and the
// uploader's can do nothing else.
func TestMembersOfTheGroupsDoTheWorkOfTheirService(t *testing.T) {
	t.Parallel()
	role := migrationstest.LeastRole(t)
	uploader := role.Member("loom_uploader")
	r := &rig{t: t, dbURL: role.Member("loom_ingest"), nats: stagetest.StartNATS(t), store: unusedStore}
	r.db = r.pool(role.OwnerURL)
	log := &denials{}
	p := r.ingest(func(c *ingest.Config) { c.Log = zerolog.New(log) })
	r.eventually("/readyz is content", func() (bool, string) { return p.ready(t) == nil, "" })
	w := &rig{t: t, dbURL: uploader, db: r.pool(uploader), nats: r.nats}
	w.work("worker", nil)
	render := r.submit(small)
	if o := r.ended(render); o.status != "done" || o.job != "completed" {
		t.Errorf("the render ended as %+v", o)
	}
	refused := r.submit(campaign{})
	if o := r.ended(refused); o.status != "failed" || o.job != "failed" {
		t.Errorf("the empty render ended as %+v", o)
	}
	cancelled := r.submit(small)
	r.exec("update renders set status = 'cancelled' where id = $1", cancelled)
	r.until("its job is closed", "select not exists (select from render_jobs where render_id = $1 and state in ('queued', 'running'))", cancelled)
	asked := r.submit(small)
	r.exec("update renders set cancel_requested = true where id = $1", asked)
	r.until("it ends", "select exists (select from renders where id = $1 and status in ('cancelled', 'done'))", asked)
	r.exec("delete from renders where id = $1", render)
	r.until("what is left of it is known", "select exists (select from loom.leftovers where render_id = $1)", render)
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if len(log.lines) > 0 {
		t.Errorf("the database refused ingest: %q", log.lines)
	}
}

// denials are the lines of a log about what the database does not permit.
type denials struct {
	mu    sync.Mutex
	lines []string
}

func (d *denials) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if bytes.Contains(p, []byte("permission denied")) {
		d.lines = append(d.lines, string(p))
	}
	return len(p), nil
}

func (r *rig) pool(url string) *pgxpool.Pool {
	r.t.Helper()
	db, err := pgxpool.New(r.t.Context(), url)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(db.Close)
	return db
}
