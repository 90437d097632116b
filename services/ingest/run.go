package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/maintain"
	"github.com/loom-lite/loom-lite/services/ingest/schedule"
)

// application names the connections in the lists of Postgres and NATS.
const application = "ingest"

// Run claims jobs and schedules tasks until ctx is cancelled, and returns when everything that it
// started has ended. It waits for servers that are away, and for a database that has not been
// migrated. It returns an error for settings that cannot work.
func Run(ctx context.Context, cfg Config) error {
	// One more connection listens for jobs.
	pool, err := postgres.Measured(ctx, cfg.DatabaseURL, "loom-"+application, cfg.Connections-1, cfg.Metrics())
	if err != nil {
		return err
	}
	defer pool.Close()
	objects, err := store.Measured(cfg.Store, cfg.Metrics())
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
	scheduler, err := schedule.New(schedule.Config{
		DB: pool, NATS: nc, Store: objects, WorkBucket: cfg.WorkBucket, Lease: cfg.Lease, Replicas: cfg.Replicas,
		TaskTimeout: cfg.TaskTimeout, RenderTimeout: cfg.RenderTimeout, PerHost: cfg.PerHost,
		MaxRenders: cfg.MaxRenders, MaxPerOwner: cmp.Or(cfg.MaxRendersPerUser, cfg.MaxRenders), Ended: free, Metrics: metrics.schedule, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	claiming := service.Pulse{Of: "claiming jobs", Within: 3 * time.Minute}
	loop := &claim.Loop{
		Beat: claiming.Beat,
		Claimer: &claim.Claimer{DB: pool, Limits: cfg.limits(), MaxRenders: cfg.MaxRenders,
			MaxPerOwner: cmp.Or(cfg.MaxRendersPerUser, cfg.MaxRenders), MaxRetries: cfg.MaxRetries,
			ObjectBytes: cfg.Store.ObjectBytes(), CacheTTL: cfg.CacheTTL, Secret: []byte(cfg.Store.SecretAccessKey)},
		Poll: time.Duration(cfg.PollInterval) * time.Millisecond, Wake: freed, Log: cfg.Log,
		Failed: func(err error) { metrics.schedule.DatabaseError("claim", err) },
		Done: func(ctx context.Context, c claim.Claimed) {
			metrics.claimed(c)
			switch c.Outcome {
			case claim.Refused:
				scheduler.Refused(ctx, c.Render, c.Invalid.Code, c.Invalid.Message)
			case claim.SetAside:
				metrics.schedule.DatabaseError("claim", c.Cause)
			default:
				scheduler.Changed(c.Render)
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
		return scheduler.Ready(ctx)
	}, scheduler.Alive, claiming.Alive)
	if err != nil {
		return err
	}
	defer stop()

	if err := awaitSchema(ctx, cfg, pool); err != nil {
		return nil // ctx was cancelled before any work began
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return scheduler.Run(ctx) })
	group.Go(func() error {
		maintain.New(maintain.Config{
			DB: pool, Store: objects, WorkBucket: cfg.WorkBucket, VideoBucket: cfg.VideoBucket,
			Name: cfg.WorkerID, Lease: cfg.Lease, Retention: cfg.Retention, History: cfg.HistoryKeep, Audit: cfg.AuditKeep, Metrics: metrics.maintain, Log: cfg.Log,
		}).Run(ctx)
		return nil
	})
	group.Go(func() error {
		keepBucket(ctx, cfg, objects, bucketEvery)
		return nil
	})
	group.Go(func() error {
		defer claiming.Stop()
		loop.Run(ctx)
		return nil
	})
	group.Go(func() error {
		listen(ctx, cfg, pool, func() {
			free()
			scheduler.Wake() // a render may have been cancelled
		})
		return nil
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// listen listens for new jobs and for cancels, unless the database is behind a transaction pooler.
func listen(ctx context.Context, cfg Config, pool *pgxpool.Pool, wake func()) {
	var sessions bool
	err := retry.Backoff{First: time.Second, Longest: 30 * time.Second}.Do(ctx, 0, func() (err error) {
		sessions, err = postgres.SessionMode(ctx, cfg.DatabaseURL, pool.Config().ConnConfig)
		return err
	})
	switch {
	case err != nil: // ctx was cancelled
	case sessions:
		claim.Listen(ctx, pool.Config().ConnConfig, wake, cfg.Log)
	default:
		cfg.Log.Info().Int("poll_ms", cfg.PollInterval).Msg("the database is behind a transaction pooler: new jobs are found by polling alone")
	}
}

// awaitSchema returns nil when the database is there and migrated, and an error only when ctx is
// cancelled.
func awaitSchema(ctx context.Context, cfg Config, pool *pgxpool.Pool) error {
	outage := retry.Outage{
		Backoff: retry.Backoff{First: 250 * time.Millisecond, Longest: 5 * time.Second}, Log: cfg.Log,
		Down: "the database cannot be used yet: retrying until it can be", Up: "the database can be used",
		// The database may be away first, and not migrated when it is there.
		Kind: func(err error) string {
			if unfit := new(migrations.UnfitError); errors.As(err, &unfit) {
				return unfit.Brief()
			}
			if outdated := new(migrations.OutdatedError); errors.As(err, &outdated) {
				return outdated.Found
			}
			return "away"
		},
	}
	return outage.Until(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return migrations.Check(ctx, pool, migrations.Ingest)
	})
}

// bucketEvery is how often the work bucket is checked.
const bucketEvery = 30 * time.Second

// keepBucket creates the work bucket as soon as the store is there, and creates it again if it is
// gone at one of the checks.
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

// awaitBucket creates the work bucket unless it exists, and retries until ctx is cancelled.
func awaitBucket(ctx context.Context, cfg Config, objects *store.Client) {
	outage := retry.Outage{
		Backoff: retry.Backoff{First: 500 * time.Millisecond, Longest: 30 * time.Second}, Log: cfg.Log,
		Down: "the work bucket cannot be used yet: retrying until it can be", Up: "the work bucket can be used",
	}
	// ctx was cancelled
	_ = outage.Until(ctx, func() error { return objects.EnsureBucket(ctx, cfg.WorkBucket) })
}

// databaseReady returns nil while jobs can be claimed. Its errors name neither the database's host
// nor the role.
func databaseReady(ctx context.Context, pool *pgxpool.Pool, loop *claim.Loop) error {
	if err := migrations.Ready(ctx, pool, migrations.Ingest); err != nil {
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

type metrics struct {
	schedule *schedule.Metrics
	maintain *maintain.Metrics
	claims   *prometheus.CounterVec
	failures *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	scheduling, err := schedule.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	maintenance, err := maintain.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	m := &metrics{
		schedule: scheduling,
		maintain: maintenance,
		claims: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_claims_total",
			Help: "Jobs claimed, by outcome: planned, refused, closed, attached, set_aside."}, []string{"outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "loom_plan_failures_total",
			Help: "Renders refused when they were planned, by error code."}, []string{"code"}),
	}
	for _, c := range []prometheus.Collector{m.claims, m.failures} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, outcome := range []claim.Outcome{claim.Planned, claim.Refused, claim.Closed, claim.Attached, claim.SetAside} {
		m.claims.WithLabelValues(string(outcome))
	}
	for _, code := range msg.PlanCodes {
		m.failures.WithLabelValues(string(code))
	}
	return m, nil
}

func (m *metrics) claimed(c claim.Claimed) {
	m.claims.WithLabelValues(string(c.Outcome)).Inc()
	if c.Invalid != nil {
		m.failures.WithLabelValues(string(c.Invalid.Code)).Inc()
	}
}
