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
		Retention: time.Hour, History: time.Hour, Metrics: metrics, Log: zerolog.New(zerolog.NewTestWriter(t)),
	})
	m.orphanAge = -time.Hour
	if err := objects.Put(t.Context(), bucket, (owner{uuid.New(), uuid.New()}).object(), "text/plain", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if until, err := m.lead(t.Context()); err != nil || until.IsZero() {
		t.Errorf("it leads until %s, %v", until, err)
	}
	for _, j := range m.jobs {
		if err := j.run(t.Context(), func(string, int) {}); err != nil {
			t.Errorf("%s: %v", j.name, err)
		}
	}
	if keys, err := objects.Keys(t.Context(), bucket, ""); err != nil || len(keys) != 1 { // the mark
		t.Errorf("there is %q, %v", keys, err)
	}
}
