package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/schedule"
)

// application is what the database's and NATS's lists of connections show.
const application = "ingest"

// Run claims and conducts until ctx is cancelled, and returns when all that it started has ended.
// It waits for servers that are away, and for a database that has not been migrated; its errors are
// settings that cannot work.
func Run(ctx context.Context, cfg Config) error {
	// One of the connections is for listening.
	pool, err := postgres.Bounded(ctx, cfg.DatabaseURL, "loom-"+application, cfg.Connections-1)
	if err != nil {
		return err
	}
	defer pool.Close()
	objects, err := store.New(cfg.Store)
	if err != nil {
		return err
	}
	defer objects.Close()
	nc, err := cfg.ConnectNATS(application)
	if err != nil {
		return err
	}
	defer nc.Close()

	metrics, err := newMetrics(cfg.Metrics())
	if err != nil {
		return err
	}
	freed := make(chan struct{}, 1)
	free := func() {
		select {
		case freed <- struct{}{}:
		default:
		}
	}
	conductor, err := schedule.New(schedule.Config{
		DB: pool, NATS: nc, Store: objects, WorkBucket: cfg.WorkBucket, Lease: cfg.Lease, Replicas: cfg.Replicas,
		Retention: cfg.Retention, Ended: free, Metrics: metrics.conduct, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	loop := &claim.Loop{
		Claimer: &claim.Claimer{DB: pool, Limits: cfg.limits(), MaxRenders: cfg.MaxRenders, MaxRetries: cfg.MaxRetries,
			ObjectBytes: cfg.Store.ObjectBytes()},
		Poll: time.Duration(cfg.PollInterval) * time.Millisecond, Wake: freed, Log: cfg.Log,
		Failed: func(err error) { metrics.conduct.DatabaseError("claim", err) },
		Dealt: func(ctx context.Context, c claim.Claimed) {
			metrics.claimed(c)
			switch c.Outcome {
			case claim.Refused:
				conductor.Refused(ctx, c.Render, c.Invalid.Code, c.Invalid.Message)
			case claim.SetAside:
				metrics.conduct.DatabaseError("claim", c.Cause)
			default:
				conductor.Wake()
			}
		},
	}
	stop, err := cfg.Serve(func(ctx context.Context) error {
		if err := service.NATSReady(nc); err != nil {
			return err
		}
		if err := databaseReady(ctx, pool, loop); err != nil {
			return err
		}
		return conductor.Ready(ctx)
	})
	if err != nil {
		return err
	}
	defer stop()

	if err := awaitSchema(ctx, cfg, pool); err != nil {
		return nil // ctx was cancelled: there is nothing to drain
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return conductor.Run(ctx) })
	group.Go(func() error {
		keepBucket(ctx, cfg, objects, bucketEvery)
		return nil
	})
	group.Go(func() error {
		loop.Run(ctx)
		return nil
	})
	group.Go(func() error {
		listen(ctx, cfg, pool, free)
		return nil
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// listen hears of new jobs where the database's sessions last.
func listen(ctx context.Context, cfg Config, pool *pgxpool.Pool, free func()) {
	var sessions bool
	err := retry.Backoff{First: time.Second, Longest: 30 * time.Second}.Do(ctx, 0, func() (err error) {
		sessions, err = postgres.SessionMode(ctx, cfg.DatabaseURL, pool.Config().ConnConfig)
		return err
	})
	switch {
	case err != nil: // ctx was cancelled
	case sessions:
		claim.Listen(ctx, pool.Config().ConnConfig, free, cfg.Log)
	default:
		cfg.Log.Info().Int("poll_ms", cfg.PollInterval).Msg("the database is behind a transaction pooler: new jobs are found by polling alone")
	}
}

// awaitSchema returns when the database is there and migrated; an error only when ctx was
// cancelled.
func awaitSchema(ctx context.Context, cfg Config, pool *pgxpool.Pool) error {
	outage := retry.Outage{
		Backoff: retry.Backoff{First: 250 * time.Millisecond, Longest: 5 * time.Second}, Log: cfg.Log,
		Down: "the database cannot be used yet: retrying until it can be", Up: "the database can be used",
		// It may be away first, and turn out not to be migrated then.
		Kind: func(err error) string {
			if unfit := new(migrations.UnfitError); errors.As(err, &unfit) {
				return unfit.Brief()
			}
			if errors.Is(err, migrations.ErrMissing) {
				return "old"
			}
			return "away"
		},
	}
	return outage.Until(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return migrations.Check(ctx, pool)
	})
}

// bucketEvery is how often it is looked whether the work bucket is still there.
const bucketEvery = 30 * time.Second

// keepBucket makes the work bucket as soon as the store is there, and again when it is gone, which
// it looks for every so often.
func keepBucket(ctx context.Context, cfg Config, objects *store.Client, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		awaitBucket(ctx, cfg, objects)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// awaitBucket returns when the work bucket is there.
func awaitBucket(ctx context.Context, cfg Config, objects *store.Client) {
	outage := retry.Outage{
		Backoff: retry.Backoff{First: 500 * time.Millisecond, Longest: 30 * time.Second}, Log: cfg.Log,
		Down: "the work bucket cannot be used yet: retrying until it can be", Up: "the work bucket can be used",
	}
	_ = outage.Until(ctx, func() error { return objects.EnsureBucket(ctx, cfg.WorkBucket) }) // ctx was cancelled
}

// databaseReady returns nil while jobs can be begun. Its errors do not tell where the database is,
// and as whom we go there.
func databaseReady(ctx context.Context, pool *pgxpool.Pool, loop *claim.Loop) error {
	if err := migrations.Ready(ctx, pool); err != nil {
		return err
	}
	err := claim.Ready(ctx, pool)
	if stuck := new(claim.StuckError); errors.As(err, &stuck) {
		return err
	}
	if err == nil {
		err = loop.Err()
	}
	if err != nil {
		return errors.New(postgres.Reason(err))
	}
	return nil
}

// metrics are ingest's.
type metrics struct {
	conduct  *schedule.Metrics
	claims   *prometheus.CounterVec
	failures *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	conducting, err := schedule.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	m := &metrics{
		conduct: conducting,
		claims: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_claims_total",
			Help: "Jobs claimed, by what became of them: planned, refused, closed, attached, set_aside."}, []string{"outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_plan_failures_total",
			Help: "Renders refused when they were planned, by error code."}, []string{"code"}),
	}
	for _, c := range []prometheus.Collector{m.claims, m.failures} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) claimed(c claim.Claimed) {
	m.claims.WithLabelValues(string(c.Outcome)).Inc()
	if c.Invalid != nil {
		m.failures.WithLabelValues(string(c.Invalid.Code)).Inc()
	}
}
