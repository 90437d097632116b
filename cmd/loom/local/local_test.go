package local

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"

	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
	"github.com/loom-lite/loom-lite/pkg/service"
)

func startStack(t *testing.T, dir string, environ map[string]string) *Stack {
	t.Helper()
	s, err := Start(t.Context(), Options{Dir: dir, Command: "loom up", Environ: environ, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The stacks run one after the other on one folder, as they do for a user.
func TestStack(t *testing.T) {
	dir := filepath.Join(openFolder(t), "data")
	// What a stack that fails has left in the folder would fail the next one too.
	for _, part := range []struct {
		promise string
		check   func(t *testing.T, dir string)
	}{
		{"is ready when Start returns and gone when Close does", readyAndGone},
		{"notices that a server is lost", lostServerIsNoticed},
		{"names wrong settings and leaves nothing running", wrongSettingsAreNamed},
	} {
		if !t.Run(part.promise, func(t *testing.T) { part.check(t, dir) }) {
			return
		}
	}
}

func readyAndGone(t *testing.T, dir string) {
	ready := filepath.Join(t.TempDir(), "ready.env")
	opts := Options{Dir: dir, Command: "loom up", ReadyFile: ready, Log: testLog(t)}
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := godotenv.Read(ReadyFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	if asked, err := godotenv.Read(ready); err != nil || !maps.Equal(asked, settings) {
		t.Errorf("the file that was asked for has %v: %v", asked, err)
	}
	metrics := map[string]string{}
	for _, name := range []string{"INGEST", "RECORDER", "TRANSCODER", "UPLOADER", "CONSOLE"} {
		url := settings["LOOM_"+name+"_URL"]
		for _, path := range []string{"/readyz", "/healthz", "/metrics"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			status, body := do(t, request)
			// Some gauges are there once they have been read from the database.
			for until := time.Now().Add(2 * time.Minute); path == "/metrics" && name == "INGEST" && time.Now().Before(until) &&
				(!strings.Contains(body, "loom_tasks_due") || !strings.Contains(body, "loom_jobs_queued")); {
				time.Sleep(50 * time.Millisecond)
				status, body = do(t, request)
			}
			if status != http.StatusOK {
				t.Errorf("%s%s: %d %s", url, path, status, body)
			}
			metrics[name] = body
		}
	}
	checkMetrics(t, metrics)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, settings["LOOM_API_URL"]+"/v1/tokens", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+settings["LOOM_API_TOKEN"])
	if status, body := do(t, request); status != http.StatusOK || !strings.Contains(body, `"loom up"`) {
		t.Errorf("the API at %s answers its token with %d %s", settings["LOOM_API_URL"], status, body)
	}
	if port := settings["PORT"]; port != "" {
		t.Errorf("a service that is started with these settings would take port %s, which ingest has", port)
	}
	var inUse *InUseError
	if _, err := Start(t.Context(), opts); !errors.As(err, &inUse) {
		t.Errorf("a second start: %v", err)
	}
	for _, path := range []string{ReadyFile(dir), ready} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the second start took the first's ready file: %v", err)
		}
	}
	select {
	case <-s.Failed():
		t.Error("it has failed")
	default:
	}

	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, running := Running(dir); running {
		t.Error("the folder is still locked")
	}
	for _, path := range []string{ReadyFile(dir), ready} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the ready file is still there: %v", err)
		}
	}
}

func lostServerIsNoticed(t *testing.T, dir string) {
	s := startStack(t, dir, map[string]string{"DRAIN_TIMEOUT": "1s"})
	s.servers.postgres.Kill()
	select {
	case <-s.Failed():
	case <-time.After(2 * time.Minute):
		t.Error("nobody noticed that Postgres is gone")
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "Postgres") {
		t.Errorf("Close says %v", err)
	}
}

func wrongSettingsAreNamed(t *testing.T, dir string) {
	_, err := Start(t.Context(), Options{Dir: dir, Log: testLog(t), Environ: map[string]string{
		"RECORDER_SLOTS": "many", "WORKER_POLL_INTERVAL": "-1",
	}})
	if !errors.Is(err, service.ErrConfig) {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"RECORDER_SLOTS", "WORKER_POLL_INTERVAL"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
	if _, running := Running(dir); running {
		t.Error("the folder is still locked")
	}
}

func TestInterruptedStartLeavesNothingRunning(t *testing.T) {
	dir := filepath.Join(openFolder(t), "data")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if s, err := Start(ctx, Options{Dir: dir, Log: testLog(t)}); err == nil {
		_ = s.Close()
		return // a machine as fast as that has nothing to interrupt
	}
	if _, running := Running(dir); running {
		t.Error("the folder is still locked")
	}
	if pid, err := postgresd.RunningOn(t.Context(), filepath.Join(dir, "postgres", "data")); err != nil || pid != 0 {
		t.Errorf("Postgres still runs as %d: %v", pid, err)
	}
}

func TestRelativeDataFolderIsRefused(t *testing.T) {
	if _, err := Start(t.Context(), Options{Dir: "data", Log: testLog(t)}); err == nil {
		t.Error("it was taken, although the working directory will change")
	}
}

func TestLoopbackIsAllowedUnlessTheUserSaysWhatIs(t *testing.T) {
	for _, c := range []struct{ set, allow, want string }{
		{"", "", "127.0.0.0/8,::1"},
		{"", "127.0.0.1:5000", "127.0.0.0/8,::1,127.0.0.1:5000"},
		{"intranet.example", "", "intranet.example"},
		{"intranet.example", "127.0.0.1:5000", "intranet.example,127.0.0.1:5000"},
	} {
		s := &Stack{log: testLog(t), servers: &backends{}}
		got, err := s.settings(map[string]string{"EGRESS_ALLOW": c.set, "WORK_DIR": "/w"}, c.allow)
		if err != nil || got["EGRESS_ALLOW"] != c.want {
			t.Errorf("%+v: got %q, %v", c, got["EGRESS_ALLOW"], err)
		}
	}
}

func TestPathsInSettingsAreMadeAbsolute(t *testing.T) {
	got, err := absolutePaths(map[string]string{"FFMPEG_PATH": "ffmpeg", "CHROME_PATH": "./chrome", "WORK_DIR": "/w"})
	if err != nil {
		t.Fatal(err)
	}
	if got["FFMPEG_PATH"] != "ffmpeg" || !filepath.IsAbs(got["CHROME_PATH"]) || got["WORK_DIR"] != "/w" {
		t.Errorf("got %v", got)
	}
}
