package ingest_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// patience bounds every wait for something that has to happen.
const patience = 3 * time.Minute

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// rig is a database, a NATS server and what a test starts on them.
type rig struct {
	t     *testing.T
	dbURL string
	db    *pgxpool.Pool
	nats  *stagetest.NATS
	// store signs URLs. It has a server only in tests that need one.
	store store.Config
	// lease is TASK_LEASE; empty is long.
	lease string
}

// Lengths of a lease: one that tests can wait for the end of, and one for which no worker is silent
// on a busy machine.
const brief, long = "2s", "20s"

// unusedStore has no server.
var unusedStore = store.Config{Endpoint: "http://127.0.0.1:9", AccessKeyID: "test-access", SecretAccessKey: "test-secret"}

// newRig returns a rig for t, and runs t in parallel with other tests: they mostly wait.
func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{t: t, dbURL: migrated.Database(t), nats: stagetest.StartNATS(t), store: unusedStore}
	r.db = r.pool(r.dbURL)
	return r
}

// settings returns the settings of a replica.
func (r *rig) settings() map[string]string {
	return map[string]string{
		"DATABASE_URL": r.dbURL, "NATS_URL": r.nats.URL(), "S3_ENDPOINT": r.store.Endpoint,
		"S3_ACCESS_KEY_ID": r.store.AccessKeyID, "S3_SECRET_ACCESS_KEY": r.store.SecretAccessKey,
		"WORKER_POLL_INTERVAL": "200", "TASK_LEASE": cmp.Or(r.lease, long), "WORKER_ID": "ingest-" + uuid.NewString()[:4],
	}
}

// ingest starts a replica, which ends with the test. change may change its settings; it may be nil.
func (r *rig) ingest(change func(*ingest.Config)) *replica {
	r.t.Helper()
	cfg, err := ingest.LoadConfig(r.settings())
	if err != nil {
		r.t.Fatal(err)
	}
	cfg.Log = zerolog.New(zerolog.NewTestWriter(r.t)).Level(zerolog.InfoLevel)
	cfg.Registry = prometheus.NewRegistry()
	if cfg.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		r.t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &replica{cfg: cfg, url: "http://" + cfg.Listener.Addr().String(), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = ingest.Run(ctx, cfg)
	}()
	r.t.Cleanup(func() {
		if err := p.stop(); err != nil {
			r.t.Errorf("ingest ended with %v", err)
		}
	})
	return p
}

// replica is a running ingest.
type replica struct {
	cfg    ingest.Config
	url    string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

func (p *replica) stop() error {
	p.cancel()
	<-p.ended
	return p.err
}

// campaign is what the app stores.
type campaign struct {
	user               uuid.UUID // uuid.Nil: one that nobody else is
	facecam            string
	width, height, fps any // nil is null
	scenes             []scene
}

type scene struct {
	url     string
	seconds int
	order   int
}

// submit inserts a campaign, a render and its job with plain SQL, as the app does.
func (r *rig) submit(c campaign) (render uuid.UUID) {
	r.t.Helper()
	ctx := r.t.Context()
	var facecam any
	if c.facecam != "" {
		facecam = c.facecam
	}
	var id uuid.UUID
	r.scan(&id, `insert into campaigns (name, user_id, facecam_url, output_width, output_height, output_fps)
		values ('test', coalesce(nullif($5::uuid, '00000000-0000-0000-0000-000000000000'), gen_random_uuid()), $1, $2, $3, $4)
		returning id`, facecam, c.width, c.height, c.fps, c.user)
	for _, s := range c.scenes {
		_, err := r.db.Exec(ctx, "insert into scenes (campaign_id, url, duration_sec, order_index) values ($1, $2, $3, $4)",
			id, s.url, s.seconds, s.order)
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return r.queue(id)
}

func (r *rig) queue(campaign uuid.UUID) (render uuid.UUID) {
	r.t.Helper()
	r.scan(&render, "insert into renders (campaign_id, status, progress) values ($1, 'queued', 0) returning id", campaign)
	r.exec("insert into render_jobs (render_id, state) values ($1, 'queued')", render)
	return render
}

func (r *rig) scan(into any, sql string, args ...any) {
	r.t.Helper()
	if err := r.db.QueryRow(r.t.Context(), sql, args...).Scan(into); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// until waits for a condition on the database: a query for one boolean.
func (r *rig) until(what, sql string, args ...any) {
	r.t.Helper()
	r.eventually(what, func() (bool, string) {
		var ok bool
		r.scan(&ok, sql, args...)
		return ok, ""
	})
}

// eventually waits until done returns true. The failure holds the text that done returns otherwise.
func (r *rig) eventually(what string, done func() (ok bool, why string)) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, why := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within %s %s\n%s", what, patience, why, r.tasks())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *rig) tasks() string {
	rows, err := r.db.Query(context.Background(), `select t.kind, t.seq, t.state, t.attempt, t.failures, t.progress
		from loom.tasks t order by t.created_at, t.kind, t.seq`)
	if err != nil {
		return err.Error()
	}
	text, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		return fmt.Sprint(values...), err
	})
	return fmt.Sprintln(text, err)
}

// outcome is a render as the app sees it, and its job's state.
type outcome struct {
	status, code, message, job string
	progress                   int
}

func (r *rig) outcome(render uuid.UUID) outcome {
	r.t.Helper()
	var o outcome
	err := r.db.QueryRow(r.t.Context(), `select r.status, coalesce(r.error_code, ''), coalesce(r.error_message, ''), r.progress,
		(select string_agg(j.state, ',' order by j.created_at, j.id) from render_jobs j where j.render_id = r.id)
		from renders r where r.id = $1`, render).Scan(&o.status, &o.code, &o.message, &o.progress, &o.job)
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

// ended waits until a render has ended.
func (r *rig) ended(render uuid.UUID) outcome {
	r.t.Helper()
	r.until("render ends", "select status in ('done', 'failed', 'cancelled') from renders where id = $1", render)
	return r.outcome(render)
}
