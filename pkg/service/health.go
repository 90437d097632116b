package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds one call of a readiness check.
const readyTimeout = 3 * time.Second

// Serve starts the health server and returns at once. It answers
//
//	/healthz  200 while every alive returns nil, else 503 with the error: only a restart helps
//	/readyz   200 when ready returns nil, else 503 with the error's text; nil is always ready
//	/metrics  the registry, with Go's and the process's own metrics
//	/debug/pprof/  when Pprof is set
//
// stop ends it and returns when it has ended. ready is called with a bounded context, for several
// requests at once if they come so. Its errors are in the response, so they must hold no secrets.
//
// A server that is away leaves a service alive: it is not ready, and keeps the work that it has.
func (b *Base) Serve(ready func(context.Context) error, alive ...func() error) (stop func(), err error) {
	listener := b.Listener
	if listener == nil {
		listener, err = net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(b.Port)))
		if err != nil {
			return nil, fmt.Errorf("listen for health checks on port %d (PORT): %w", b.Port, err)
		}
	}
	if err := addCollectors(b.Metrics()); err != nil {
		_ = listener.Close()
		return nil, err
	}
	server := &http.Server{Handler: b.handler(ready, alive), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			b.Log.Error().Err(err).Msg("health server ended")
		}
	}()
	b.Log.Info().Stringer("address", listener.Addr()).Str("version", Version()).Msg("health server listens")
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}

func (b *Base) handler(ready func(context.Context) error, alive []func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		var errs []error
		for _, alive := range alive {
			errs = append(errs, alive())
		}
		if err := errors.Join(errs...); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if ready != nil {
			if err := ready(ctx); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(b.Metrics(), promhttp.HandlerOpts{}))
	if b.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// buildInfo says which build this is, as other programs' build_info do.
func buildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "loom_build_info", Help: "Always 1: its labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": Version(), "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// addCollectors adds Go's and the process's metrics, unless another service in this process has
// done so.
func addCollectors(registry *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(),
	} {
		if err := registry.Register(c); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
