package transcoder

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestTheServiceWaitsForNATSAndStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(map[string]string{"NATS_URL": "nats://127.0.0.1:1", "WORK_DIR": t.TempDir(), "DRAIN_TIMEOUT": "1s"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener, cfg.Log = listener, zerolog.Nop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()

	status := func(path string) int {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
		resp, err := client.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	// The listener takes connections before Run serves them, so the first request waits for it.
	if got := status("/healthz"); got != http.StatusOK {
		t.Errorf("healthz: %d", got)
	}
	if got := status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("readyz without NATS: %d", got)
	}
	if got := status("/metrics"); got != http.StatusOK {
		t.Errorf("metrics: %d", got)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("did not stop")
	}
}

// serve runs the service until the test ends.
func serve(t *testing.T, environ map[string]string) {
	t.Helper()
	cfg, err := LoadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = zerolog.Nop()
	if cfg.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestTheServiceDoesNotStartWithoutFFmpeg(t *testing.T) {
	cfg, err := LoadConfig(map[string]string{"NATS_URL": "nats://127.0.0.1:1", "FFMPEG_PATH": filepath.Join(t.TempDir(), "ffmpeg")})
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "install FFmpeg") {
		t.Errorf("error %v, want one that says what to install", err)
	}
}
