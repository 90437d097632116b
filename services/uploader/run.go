package uploader

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/uploader/internal/share"
)

// Run uploads until ctx is cancelled. It then drains, and returns when everything that it started
// has ended. It waits for servers that are away.
func Run(ctx context.Context, cfg Config) error {
	page, err := share.Load(cfg.ShareTemplate)
	if err != nil {
		return fmt.Errorf("read SHARE_TEMPLATE: %w", err)
	}
	client, err := store.Measured(cfg.Store, cfg.Metrics())
	if err != nil {
		return err
	}
	defer client.Close()
	pool, err := postgres.Measured(ctx, cfg.DatabaseURL, "loom-uploader", cfg.Connections, cfg.Metrics())
	if err != nil {
		return err
	}
	defer pool.Close()
	nc, err := cfg.ConnectNATS("uploader")
	if err != nil {
		return err
	}
	defer nc.Close()

	if err := cfg.MeasureSpace(cfg.WorkDir); err != nil {
		return err
	}
	worker, err := stage.New(nc, stage.Config{
		Verb: msg.ConsumerUpload, Slots: cfg.Slots, WorkerID: cfg.WorkerID, Drain: cfg.Drain, WorkDir: cfg.WorkDir,
		Registry: cfg.Metrics(), Log: cfg.Log,
		Handlers: map[msg.Kind]stage.Handler{
			msg.Upload: &handler{cfg: cfg, store: client, renders: renders{pool}, page: page, patience: 45 * time.Second},
		},
	})
	if err != nil {
		return err
	}
	stop, err := cfg.Serve(func(ctx context.Context) error {
		return errors.Join(worker.Ready(ctx), serversReady(ctx, pool, client, cfg))
	}, worker.Alive)
	if err != nil {
		return err
	}
	defer stop()
	var checking sync.WaitGroup
	checkCtx, cancel := context.WithCancel(ctx)
	checking.Go(func() { logAccess(checkCtx, client, cfg) })
	defer checking.Wait()
	defer cancel()
	return worker.Run(ctx)
}

// serversReady checks both servers at once: one that does not answer takes all the time there is.
func serversReady(ctx context.Context, pool *pgxpool.Pool, client *store.Client, cfg Config) error {
	var database, buckets error
	var all sync.WaitGroup
	all.Go(func() { database = migrations.Ready(ctx, pool, migrations.Uploader) })
	all.Go(func() { buckets = bucketsReady(ctx, client, cfg) })
	all.Wait()
	return errors.Join(database, buckets)
}

func bucketsReady(ctx context.Context, client *store.Client, cfg Config) error {
	for _, bucket := range []string{cfg.WorkBucket, cfg.VideoBucket, cfg.ThumbnailBucket} {
		err := client.Ping(ctx, bucket)
		switch {
		case errors.Is(err, store.ErrNoBucket):
			return fmt.Errorf("bucket %s does not exist: create it", bucket)
		case errors.Is(err, store.ErrNotS3):
			return store.ErrNotS3
		case errors.Is(err, store.ErrDenied):
			return fmt.Errorf("bucket %s: the store refuses the S3 keys", bucket)
		case err != nil:
			return errors.New("the object store does not answer")
		}
	}
	return nil
}
