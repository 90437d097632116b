package maintain

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

func TestARoleOfItsOwnMaintains(t *testing.T) {
	t.Parallel()
	role := migrationstest.LeastRole(t)
	role.Grant(migrationstest.Bypass)
	db, err := pgxpool.New(t.Context(), role.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	objects := storetest.Client(t)
	bucket := storetest.Bucket(t, objects)
	m := New(Config{
		DB: db, Store: objects, WorkBucket: bucket, VideoBucket: bucket, Name: "test", Lease: time.Minute,
		Retention: time.Hour, History: time.Hour, Audit: 24 * time.Hour, Metrics: metrics, Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	m.orphanAge = -time.Hour
	if err := objects.Put(t.Context(), bucket, (owner{uuid.New(), uuid.New()}).object(), "text/plain", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if until, err := m.lead(t.Context()); err != nil || until.IsZero() {
		t.Errorf("it leads until %s, %v", until, err)
	}
	owner, err := pgxpool.New(t.Context(), role.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if _, err := owner.Exec(t.Context(), `insert into loom.audit (at, kind, actor, name, action, target, detail)
		select clock_timestamp() - make_interval(hours => h), 'operator', 'x', 'x', 'render.cancel', h::text, '{}' from unnest('{1,23,25,9000}'::int[]) h`); err != nil {
		t.Fatal(err)
	}
	for _, j := range m.jobs {
		if err := j.run(t.Context(), func(string, int) {}); err != nil {
			t.Errorf("%s: %v", j.name, err)
		}
	}
	var left string
	if err := owner.QueryRow(t.Context(), "select string_agg(target, ' ' order by id) from loom.audit").Scan(&left); err != nil || left != "1 23" {
		t.Errorf("of the audit log %q is left, %v", left, err)
	}
	// Members of loom_ingest delete nothing else, and whatever they ask for, the last day stays.
	member, err := pgxpool.New(t.Context(), role.Member("loom_ingest"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	if _, err := member.Exec(t.Context(), "delete from loom.audit"); err == nil {
		t.Error("ingest's role deletes entries of the audit log")
	}
	if _, err := member.Exec(t.Context(), "select loom.forget_audit('0', 100)"); err != nil {
		t.Error(err)
	}
	if err := owner.QueryRow(t.Context(), "select string_agg(target, ' ' order by id) from loom.audit").Scan(&left); err != nil || left != "1 23" {
		t.Errorf("of the audit log %q is left, %v", left, err)
	}
	if keys, err := objects.Keys(t.Context(), bucket, ""); err != nil || len(keys) != 1 { // the mark
		t.Errorf("there is %q, %v", keys, err)
	}
}
