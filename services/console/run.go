package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/console/api"
	"github.com/loom-lite/loom-lite/services/console/batches"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/pictures"
	"github.com/loom-lite/loom-lite/services/console/web"
)

// Run serves the API and the dashboard until ctx is cancelled. It then finishes the requests that
// it is answering, for at most DRAIN_TIMEOUT. It waits for servers that are away.
func Run(ctx context.Context, cfg Config) error {
	pool, err := postgres.Measured(ctx, cfg.DatabaseURL, "loom-console", cfg.Connections, cfg.Metrics())
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
	work, err := store.Measured(cfg.Store, cfg.Metrics())
	if err != nil {
		return err
	}
	defer work.Close()
	live := pictures.New(nc, pool, cfg.Log)
	defer live.Close()

	stop, err := cfg.Serve(func(ctx context.Context) error { return migrations.Ready(ctx, pool, migrations.Console) })
	if err != nil {
		return err
	}
	defer stop()
	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	background.Go(func() { (&bulk.Runner{DB: pool, Log: cfg.Log}).Run(ctx) })
	background.Go(func() { (&batches.Keeper{DB: pool, Log: cfg.Log}).Run(ctx) })
	listener, err := cfg.listen()
	if err != nil {
		return err
	}
	handler, stopping, err := cfg.handler(ctx, pool, nc, objects, work, live, listener.Addr())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	silence, err := cfg.tell(ctx, pool)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer silence()
	return cfg.serveWeb(ctx, listener, handler, stopping)
}

// handler serves the API below /v1 and the dashboard elsewhere, with the path of CONSOLE_URL before
// theirs or without: a proxy may take it away. stopping ends what would not end by itself.
func (c *Config) handler(ctx context.Context, pool *pgxpool.Pool, nc *nats.Conn, objects, work *store.Client, live *pictures.Keeper,
	address net.Addr,
) (
	handler http.Handler, stopping func(), err error,
) {
	base, err := c.base(address)
	if err != nil {
		return nil, nil, err
	}
	forecasts := forecast.New(pool)
	dashboard, err := web.New(ctx, web.Config{
		DB: pool, NATS: nc, URL: base, Store: signer{objects}, Objects: work, WorkBucket: c.WorkBucket, Pictures: live, Forecasts: forecasts,
		Prices: c.Prices, Keeper: c.keeper, Log: c.Log,
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	v1 := api.New(api.Config{
		DB: pool, URL: strings.TrimRight(base.String(), "/"), Log: c.Log, Rate: c.Rate, Forecasts: forecasts, Prices: c.Prices, Keeper: c.keeper, Store: signer{objects},
		Buckets: api.Buckets{Videos: c.VideoBucket, Thumbnails: c.ThumbnailBucket, Work: c.WorkBucket},
		Objects: work, Pictures: live,
	})
	mux.Handle("/v1/", v1)
	mux.Handle("/", dashboard)
	return c.proxies.behind(below(strings.TrimRight(base.Path, "/"), mux)), v1.Close, nil
}

// below serves paths that begin with prefix without it, and others as they are.
func below(prefix string, handler http.Handler) http.Handler {
	if prefix == "" {
		return handler
	}
	stripped := http.StripPrefix(prefix, handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == prefix:
			http.Redirect(w, r, prefix+"/", http.StatusPermanentRedirect)
		case strings.HasPrefix(r.URL.Path, prefix+"/"):
			stripped.ServeHTTP(w, r)
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

// listen listens on WebPort, unless WebListener is set.
func (c *Config) listen() (net.Listener, error) {
	if c.WebListener != nil {
		return c.WebListener, nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(c.WebPort)))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d (CONSOLE_PORT): %w", c.WebPort, err)
	}
	return listener, nil
}

// serveWeb serves handler until ctx is cancelled. Then it calls stopping, which ends what would not
// end by itself.
func (c *Config) serveWeb(ctx context.Context, listener net.Listener, handler http.Handler, stopping func()) error {
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
