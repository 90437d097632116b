package recorder

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
)

func TestLoadConfig(t *testing.T) {
	cfg, err := LoadConfig(map[string]string{"NATS_URL": "nats://host:4222"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Slots != service.Cores() || cfg.ChromeSandbox != "on" || cfg.Pinning != "auto" || cfg.HugePages != "auto" || cfg.WorkDir != os.TempDir() || cfg.Port != 3100 {
		t.Errorf("defaults are %+v", cfg)
	}
	_, err = LoadConfig(map[string]string{
		"RECORDER_SLOTS": "-1", "RECORDER_PINNING": "on", "RECORDER_HUGE_PAGES": "on", "CHROME_SANDBOX": "maybe", "EGRESS_ALLOW": "http://user:secret@host/",
	})
	if !errors.Is(err, service.ErrConfig) {
		t.Fatalf("LoadConfig returned %v", err)
	}
	for _, name := range []string{"NATS_URL", "RECORDER_SLOTS", "RECORDER_PINNING", "RECORDER_HUGE_PAGES", "CHROME_SANDBOX", "EGRESS_ALLOW"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error quotes a value: %v", err)
	}
}

func TestCheckChrome(t *testing.T) {
	cfg := testConfig(t)
	found, err := CheckChrome(t.Context(), cfg.ChromePath, cfg.ChromeSandbox == "on")
	if err != nil || !strings.Contains(found.Version, "Chrome/") || found.Mode != msg.ModeExact {
		t.Errorf("CheckChrome returned %+v, %v", found, err)
	}
	for _, path := range []string{"/no/such/chrome", "/bin/true"} {
		if _, err := CheckChrome(t.Context(), path, false); err == nil || !strings.Contains(err.Error(), "apt install chromium-headless-shell") {
			t.Errorf("CheckChrome of %s returned %v, want what to install", path, err)
		}
	}
	if os.Geteuid() == 0 {
		if _, err := CheckChrome(t.Context(), cfg.ChromePath, true); err == nil || !strings.Contains(err.Error(), "CHROME_SANDBOX=off") {
			t.Errorf("CheckChrome with a sandbox as root returned %v", err)
		}
	}
}

// NATS may be away when the recorder starts: it lives, is not ready, and stops when it is told to.
func TestRunWaitsForNATS(t *testing.T) {
	cfg := testConfig(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener = listener
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 200} {
		// The connection waits in the listener until the server takes it.
		response, err := client.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s answered %s, want %d", path, response.Status, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
}
