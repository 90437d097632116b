package local

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// startCluster starts the private Postgres of a data folder whose identity is id.
func startCluster(t *testing.T, dir, id string) *cluster {
	t.Helper()
	if err := makeDir(dir); err != nil {
		t.Fatal(err)
	}
	return startClusterOr(t, dir, id, elsewhere)
}

func startClusterOr(t *testing.T, dir, id string, elsewhere []string) *cluster {
	t.Helper()
	c, err := startPostgres(t.Context(), pgHome{dir: dir, id: id, logs: logsDir(dir), elsewhere: elsewhere, volatile: true}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPostgresLeftBehindByACrashIsStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openFolder(t), "data")
	orphan := startCluster(t, dir, "one")
	execute(t, orphan, "create table kept (); insert into kept default values")

	// Nobody stops it: the next start finds it at work on the data.
	next := startCluster(t, dir, "one")
	select {
	case <-orphan.Done():
	default:
		t.Error("the orphan still runs")
	}
	execute(t, next, "select 1 / count(*) from kept")
	if err := next.Stop(); err != nil {
		t.Fatal(err)
	}
	dataOfADeletedFolderIsNotTakenOver(t, dir)
}

// dir has Postgres's data of a folder with the identity "one".
func dataOfADeletedFolderIsNotTakenOver(t *testing.T, dir string) {
	t.Helper()
	other := startCluster(t, dir, "two")
	defer func() {
		if err := other.Stop(); err != nil {
			t.Error(err)
		}
	}()
	execute(t, other, "create table kept ()")
}

func execute(t *testing.T, c *cluster, sql string) {
	t.Helper()
	if _, err := connect(t, c.url()).Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatFallsSilentIsNotWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp4", servers.Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := &cluster{Server: &postgresd.Server{Port: silent.Addr().(*net.TCPAddr).Port}}
	if err := c.ensureDatabase(t.Context(), 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestFolderThatPostgresCannotReachIsLeftForAnother(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root runs Postgres as another user: its own folders are always reachable")
		return
	}
	closed, open := openFolder(t), openFolder(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	away := func(name string) *cluster {
		dir := filepath.Join(closed, name)
		if err := makeDir(dir); err != nil {
			t.Fatal(err)
		}
		c := startClusterOr(t, dir, "one", []string{filepath.Join(closed, "no"), filepath.Join(open, "loom-lite")})
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(c.place, open) {
			t.Errorf("the data lies in %s", c.place)
		}
		return c
	}
	deleted, kept := away("deleted"), away("kept")
	if err := os.RemoveAll(filepath.Join(closed, "deleted")); err != nil {
		t.Fatal(err)
	}
	away("kept") // sweeps
	for c, want := range map[*cluster]bool{deleted: false, kept: true} {
		if _, err := os.Stat(c.Data); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", c.place, err == nil, want)
		}
	}
}

func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "loom-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}
