package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console"
	"github.com/loom-lite/loom-lite/services/ingest"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
	"github.com/loom-lite/loom-lite/services/uploader"
)

// apiURL is the setting that says where the console is. It is known when the console listens.
const apiURL = "LOOM_API_URL"

// part is one of the services. load checks its settings and returns what runs it.
type part struct {
	name string
	load func(environ map[string]string, give func(*service.Base)) (func(context.Context) error, error)
}

// workers do the tasks that ingest grants. They are stopped first, so that they can hand back their
// tasks to it. The console, whose users look at them, is stopped with them.
var workers = []part{
	{"recorder", func(environ map[string]string, give func(*service.Base)) (func(context.Context) error, error) {
		cfg, err := recorder.LoadConfig(environ)
		give(&cfg.Base)
		return func(ctx context.Context) error { return recorder.Run(ctx, cfg) }, err
	}},
	{"transcoder", func(environ map[string]string, give func(*service.Base)) (func(context.Context) error, error) {
		cfg, err := transcoder.LoadConfig(environ)
		give(&cfg.Base)
		return func(ctx context.Context) error { return transcoder.Run(ctx, cfg) }, err
	}},
	{"uploader", func(environ map[string]string, give func(*service.Base)) (func(context.Context) error, error) {
		cfg, err := uploader.LoadConfig(environ)
		give(&cfg.Base)
		return func(ctx context.Context) error { return uploader.Run(ctx, cfg) }, err
	}},
	{"console", func(environ map[string]string, give func(*service.Base)) (func(context.Context) error, error) {
		cfg, err := console.LoadConfig(environ)
		give(&cfg.Base)
		if err == nil {
			cfg.WebListener, err = listen(cfg.WebPort)
		}
		if err == nil {
			if cfg.URL == "" {
				cfg.URL = healthURL(cfg.WebListener)
			}
			environ[apiURL] = cfg.URL
		}
		return func(ctx context.Context) error { return console.Run(ctx, cfg) }, err
	}},
}

var ingestPart = part{"ingest", func(environ map[string]string, give func(*service.Base)) (func(context.Context) error, error) {
	cfg, err := ingest.LoadConfig(environ)
	give(&cfg.Base)
	return func(ctx context.Context) error { return ingest.Run(ctx, cfg) }, err
}}

// services are all of them, running.
type services struct {
	ingest  *running
	workers []*running
	// failed is closed when one of them has ended by itself.
	failed  chan struct{}
	failing sync.Once
}

// running is one service.
type running struct {
	name     string
	listener net.Listener
	cancel   context.CancelFunc
	ended    chan struct{}
	err      error // set before ended is closed
}

// startServices starts all services and waits until they are ready. Their settings are checked
// before the first of them runs. ingest goes first: it makes the streams that the others look for.
func startServices(ctx context.Context, environ map[string]string, log zerolog.Logger) (*services, error) {
	s := &services{failed: make(chan struct{})}
	all := append([]part{ingestPart}, workers...)
	runs := make([]func(context.Context) error, len(all))
	listeners := make([]net.Listener, len(all))
	first, err := strconv.Atoi(environ["PORT"])
	if err != nil || first <= 0 || first > 65535-len(all) {
		first = healthPort
	}
	var problems error
	for i, p := range all {
		listener, err := listen(first + i)
		if err != nil {
			return nil, errors.Join(err, closeAll(listeners))
		}
		listeners[i] = listener
		var loadErr error
		runs[i], loadErr = p.load(environ, func(b *service.Base) {
			b.Listener = listener
			b.Registry = prometheus.NewRegistry()
			b.Log = log.With().Str("service", p.name).Logger()
		})
		if loadErr != nil {
			problems = errors.Join(problems, fmt.Errorf("%s: %w", p.name, loadErr))
		}
	}
	if problems != nil {
		return nil, errors.Join(problems, closeAll(listeners))
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	s.ingest = s.run(ingestPart.name, listeners[0], runs[0])
	err = s.awaitReady(ctx)
	for i, p := range workers {
		if err != nil {
			err = errors.Join(err, listeners[i+1].Close())
			continue
		}
		s.workers = append(s.workers, s.run(p.name, listeners[i+1], runs[i+1]))
	}
	if err == nil {
		err = s.awaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *services) run(name string, listener net.Listener, run func(context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{name: name, listener: listener, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		err := run(ctx)
		_ = listener.Close() // the service's own, unless it ended before it served
		switch {
		case err != nil:
			r.err = fmt.Errorf("%s: %w", name, err)
		case ctx.Err() == nil:
			r.err = fmt.Errorf("%s ended by itself", name)
		}
		if ctx.Err() == nil {
			s.failing.Do(func() { close(s.failed) })
		}
	}()
	return r
}

func (s *services) all() []*running { return append([]*running{s.ingest}, s.workers...) }

// addresses are the services' health servers, as settings.
func (s *services) addresses() map[string]string {
	settings := map[string]string{}
	for _, r := range s.all() {
		settings[fmt.Sprintf(addressVariable, strings.ToUpper(r.name))] = healthURL(r.listener)
	}
	return settings
}

// readyTimeout bounds the wait for the services: Chrome is tried before the recorder is ready.
const readyTimeout = 90 * time.Second

// awaitReady waits until every service that runs says that it is ready.
func (s *services) awaitReady(ctx context.Context) error {
	waiting := map[string]string{}
	for {
		for _, r := range s.all() {
			if reason := r.unready(ctx); reason != "" {
				waiting[r.name] = reason
			} else {
				delete(waiting, r.name)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-s.failed:
			return errors.New("start: a service did not stay up")
		case <-ctx.Done():
			return fmt.Errorf("start: %w; not ready: %s", ctx.Err(), reasons(waiting))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func reasons(waiting map[string]string) string {
	var list []string
	for name := range maps.Keys(waiting) {
		list = append(list, name+" ("+waiting[name]+")")
	}
	return strings.Join(list, ", ")
}

// unready returns why the service is not ready, empty when it is.
func (r *running) unready(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, healthURL(r.listener)+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	switch {
	case err != nil:
		return err.Error()
	case response.StatusCode != http.StatusOK:
		return strings.TrimSpace(string(body))
	}
	return ""
}

// stop drains the workers, then ingest, and returns the errors of those that failed.
func (s *services) stop() error {
	for _, w := range s.workers {
		w.cancel()
	}
	var err error
	for _, w := range s.workers {
		<-w.ended
		err = errors.Join(err, w.err)
	}
	s.ingest.cancel()
	<-s.ingest.ended
	return errors.Join(err, s.ingest.err)
}

func closeAll(listeners []net.Listener) (err error) {
	for _, l := range listeners {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}
