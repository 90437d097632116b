package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/console/api"
)

// Run serves the API and the dashboard until ctx is cancelled. It then finishes the requests that
// it is answering, for at most DRAIN_TIMEOUT. It waits for servers that are away.
func Run(ctx context.Context, cfg Config) error {
	pool, err := postgres.Bounded(ctx, cfg.DatabaseURL, "loom-console", cfg.Connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	nc, err := cfg.ConnectNATS("console")
	if err != nil {
		return err
	}
	defer nc.Close()

	objects, err := cfg.objects()
	if err != nil {
		return err
	}
	defer objects.Close()

	stop, err := cfg.Serve(func(ctx context.Context) error { return migrations.Ready(ctx, pool) })
	if err != nil {
		return err
	}
	defer stop()
	web := api.New(api.Config{
		DB: pool, URL: cfg.URL, Log: cfg.Log, Rate: cfg.Rate, Store: signer{objects},
		Buckets: api.Buckets{Videos: cfg.VideoBucket, Thumbnails: cfg.ThumbnailBucket, Work: cfg.WorkBucket},
	})
	return cfg.serveWeb(ctx, web, web.Close)
}

// serveWeb serves handler until ctx is cancelled. Then it calls stopping, which ends what would not
// end by itself.
func (c *Config) serveWeb(ctx context.Context, handler http.Handler, stopping func()) error {
	listener := c.WebListener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(c.WebPort))); err != nil {
			return fmt.Errorf("listen on port %d (CONSOLE_PORT): %w", c.WebPort, err)
		}
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	server.RegisterOnShutdown(stopping)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	c.Log.Info().Stringer("address", listener.Addr()).Msg("console listens")
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.Background(), c.Drain)
	defer cancel()
	if err := server.Shutdown(draining); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
