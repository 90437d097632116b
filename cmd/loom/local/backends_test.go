package local

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/store"
)

func testLog(t *testing.T) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
}

func start(t *testing.T, dir string, environ map[string]string) *backends {
	t.Helper()
	if err := makeDir(dir); err != nil {
		t.Fatal(err)
	}
	s, err := startServers(t.Context(), dir, environ, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *backends) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestServersKeepTheirDataAcrossStarts(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(openFolder(t), "data")

	s := start(t, dir, nil)
	put(t, s)
	first := s.settings
	stop(t, s)

	s = start(t, dir, nil)
	for _, v := range []string{"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"} {
		if s.settings[v] != first[v] {
			t.Errorf("%s changed", v)
		}
	}
	get(t, s)
	stop(t, s)
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("the working directory is %s, was %s (%v)", after, before, err)
	}
}

// put writes something to each server.
func put(t *testing.T, s *backends) {
	t.Helper()
	conn := connect(t, s.settings["DATABASE_URL"])
	if _, err := conn.Exec(t.Context(), "insert into campaigns (name) values ('kept')"); err != nil {
		t.Fatal(err)
	}
	js := jetStream(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "kept", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"videos", "loom-work"} {
		url, err := objects(t, s).PresignPut(t.Context(), bucket, "a/kept.txt", "text/plain", 1e9*60)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, string(url), strings.NewReader("kept"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "text/plain")
		if status, body := do(t, request); status != http.StatusOK {
			t.Fatalf("PUT: %d %s", status, body)
		}
	}
	if err := objects(t, s).Copy(t.Context(), "loom-work", "a/kept.txt", "videos", "a/copy.txt", store.Copying{ContentType: "text/plain"}); err != nil {
		t.Fatal(err)
	}
}

// get reads it back.
func get(t *testing.T, s *backends) {
	t.Helper()
	var name string
	if err := connect(t, s.settings["DATABASE_URL"]).QueryRow(t.Context(), "select name from campaigns").Scan(&name); err != nil || name != "kept" {
		t.Errorf("Postgres kept %q: %v", name, err)
	}
	stream, err := jetStream(t, s).Stream(t.Context(), "KEPT")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := stream.GetMsg(t.Context(), 1); err != nil || string(m.Data) != "kept" {
		t.Errorf("NATS kept %v: %v", m, err)
	}
	// Anybody can read a finished video; nobody can read the work bucket, or list either.
	for path, want := range map[string]int{
		"/videos/a/kept.txt": http.StatusOK, "/videos/a/copy.txt": http.StatusOK, "/videos?list-type=2": http.StatusForbidden,
		"/loom-work/a/kept.txt": http.StatusForbidden, "/loom-work?list-type=2": http.StatusForbidden,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.settings["S3_ENDPOINT"]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := do(t, request); status != want {
			t.Errorf("GET %s without a signature: %d, want %d: %s", path, status, want, body)
		}
	}
}

func jetStream(t *testing.T, s *backends) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(s.settings["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func objects(t *testing.T, s *backends) *store.Client {
	t.Helper()
	c, err := store.New(store.Config{
		Endpoint: s.settings["S3_ENDPOINT"], AccessKeyID: s.settings["S3_ACCESS_KEY_ID"],
		SecretAccessKey: s.settings["S3_SECRET_ACCESS_KEY"],
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func do(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
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

func TestEmbeddedServers(t *testing.T) {
	// Ports that this test holds. What another program holds now may be free in a moment.
	taken := map[int]bool{}
	for _, port := range []int{natsPort, s3Port, postgresPort} {
		if l, err := net.Listen("tcp4", servers.Loopback(port)); err == nil {
			taken[port] = true
			defer l.Close()
		}
	}
	dir := filepath.Join(openFolder(t), "data")
	s := start(t, dir, nil)
	defer stop(t, s)
	t.Run("listen on loopback and avoid taken ports", func(t *testing.T) {
		for _, port := range []int{s.nats.Port, s.s3.port, s.postgres.Port} {
			if taken[port] {
				t.Errorf("port %d was taken", port)
			}
		}
		for _, v := range []string{"DATABASE_URL", "NATS_URL", "S3_ENDPOINT"} {
			if !strings.Contains(s.settings[v], "127.0.0.1:") {
				t.Errorf("%s is not on loopback", v)
			}
		}
	})
	t.Run("keep secrets that only the owner can read", func(t *testing.T) {
		for _, path := range []string{
			filepath.Join(s.postgres.place, "password"), filepath.Join(dir, "s3", "secret-access-key"),
			filepath.Join(dir, "logs", "postgres.log"),
		} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("%s has mode %o", path, mode)
			}
		}
	})
	t.Run("are not started where external ones are named", func(t *testing.T) {
		inner := start(t, filepath.Join(openFolder(t), "inner"), s.settings)
		defer stop(t, inner)
		if inner.postgres != nil || inner.nats != nil || inner.s3 != nil {
			t.Error("a server was started although its URL was set")
		}
		for v, want := range s.settings {
			if inner.settings[v] != want {
				t.Errorf("%s differs", v)
			}
		}
	})
}
