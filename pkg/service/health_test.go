package service

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// serve starts a health server and returns a function that asks it.
func serve(
	t *testing.T, base *Base, ready func(context.Context) error, alive ...func() error,
) (get func(path string) (status int, body string)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base.Listener, base.Log = listener, zerolog.Nop()
	stop, err := base.Serve(ready, alive...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return func(path string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
}

func TestReadinessFollowsTheService(t *testing.T) {
	var ready atomic.Bool
	get := serve(t, &Base{}, func(context.Context) error {
		if !ready.Load() {
			return errors.New("no connection to NATS")
		}
		return nil
	})
	if status, body := get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no connection to NATS") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get("/healthz"); status != http.StatusOK {
		t.Errorf("a service that is not ready does not live: %d", status)
	}
	ready.Store(true)
	if status, _ := get("/readyz"); status != http.StatusOK {
		t.Errorf("%d", status)
	}
}

func TestTwoServicesShareARegistry(t *testing.T) {
	registry := prometheus.NewRegistry()
	serve(t, &Base{Registry: registry}, nil)
	get := serve(t, &Base{Registry: registry}, nil)
	if status, body := get("/metrics"); status != http.StatusOK || !strings.Contains(body, "go_goroutines") || !strings.Contains(body, "process_") {
		t.Errorf("%d %s", status, body)
	}
}

func TestPprofOnlyWhenAskedFor(t *testing.T) {
	if status, _ := serve(t, &Base{}, nil)("/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("without PPROF: %d", status)
	}
	if status, _ := serve(t, &Base{Pprof: true}, nil)("/debug/pprof/"); status != http.StatusOK {
		t.Errorf("with PPROF: %d", status)
	}
}

// Restarting cannot help while a server is away, and loses work.
func TestAServiceThatIsNotReadyIsAlive(t *testing.T) {
	pulse := &Pulse{Of: "the loop", Within: time.Hour}
	get := serve(t, &Base{}, func(context.Context) error { return errors.New("no connection to NATS") }, pulse.Alive)
	alive := func(want int) {
		t.Helper()
		if status, body := get("/healthz"); status != want {
			t.Errorf("/healthz answers %d %s, want %d", status, body, want)
		}
	}
	alive(http.StatusOK)
	pulse.Beat()
	alive(http.StatusOK)
	pulse.Within = 0
	alive(http.StatusServiceUnavailable)
	pulse.Stop()
	alive(http.StatusOK)
}
