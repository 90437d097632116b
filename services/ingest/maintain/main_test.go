package maintain

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	_, err := migrations.Apply(ctx, conn)
	return err
})

// rig is a database, an object store, and a Maintainer of both.
type rig struct {
	*Maintainer
	t     *testing.T
	db    *pgxpool.Pool
	store *store.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	objects := storetest.Client(t)
	return newRigOn(t, storetest.Bucket(t, objects), storetest.Bucket(t, objects))
}

// newRigOn returns a rig with a database of its own that uses these buckets.
func newRigOn(t *testing.T, work, videos string) *rig {
	t.Helper()
	db, err := pgxpool.New(t.Context(), migrated.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	objects := storetest.Client(t)
	m := New(Config{
		DB: db, Store: objects, WorkBucket: work, VideoBucket: videos, Name: "test", Lease: time.Minute,
		Retention: 24 * time.Hour, History: 30 * 24 * time.Hour, Metrics: metrics, Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	// What was stored a moment ago is old.
	m.orphanAge = -time.Hour
	return &rig{m, t, db, objects}
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// get reads the one value of a query.
func get[T any](r *rig, sql string, args ...any) (value T) {
	r.t.Helper()
	if err := r.db.QueryRow(r.t.Context(), sql, args...).Scan(&value); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// run runs a job and returns how much it removed.
func (r *rig) run(job func(context.Context, func(string, int)) error) (removed int) {
	r.t.Helper()
	if err := job(r.t.Context(), func(_ string, n int) { removed += n }); err != nil {
		r.t.Fatal(err)
	}
	return removed
}

// task inserts a render with a plan of one task, whose row in plans has these values.
func (r *rig) task(outcome, ended, swept any) owner {
	r.t.Helper()
	o := owner{uuid.New(), uuid.New()}
	r.exec(`with c as (insert into campaigns (name) values ('test') returning id),
		r as (insert into renders (id, campaign_id, status) select $1, id, coalesce($3, 'recording') from c returning id),
		p as (insert into loom.plans (id, render_id, campaign, max_retries, outcome, ended_at, swept_at)
		      select gen_random_uuid(), id, '{}', 3, $3, $4, $5 from r returning id)
		insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state)
		select $2, id, $1, 'record', 0, '{}', 1, case when $3 is null then 'waiting' else 'done' end from p`, o.render, o.task, outcome, ended, swept)
	return o
}

// put stores an object.
func (r *rig) put(key string) {
	r.t.Helper()
	if err := r.store.Put(r.t.Context(), r.WorkBucket, key, "text/plain", []byte("x")); err != nil {
		r.t.Fatal(err)
	}
}
