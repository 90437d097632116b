package postgresd

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is the cluster of a new folder, without data yet.
func cluster(t *testing.T) Cluster {
	t.Helper()
	installation, err := Find(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	account, err := ServerAccount()
	if err != nil {
		t.Fatal(err)
	}
	home, err := Folder("loom-postgresd-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	return Cluster{Installation: installation, Account: account, Data: filepath.Join(home, "data"), User: "test", Volatile: true}
}

func start(t *testing.T, c Cluster) *Server {
	t.Helper()
	s, err := c.Start(t.Context(), Options{
		Settings: []string{"fsync=off"}, Log: filepath.Join(filepath.Dir(c.Data), "log"), Within: time.Minute, Orphaned: syscall.SIGKILL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func execute(t *testing.T, s *Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatStopsOrIsKilledKeepsItsData(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	if err := c.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := start(t, c)
	execute(t, s, "create table kept (); insert into kept default values")
	s.Kill()
	if err := syscall.Kill(-s.Pid(), 0); err != syscall.ESRCH {
		t.Errorf("its process group is still there: %v", err)
	}
	s = start(t, c)
	execute(t, s, "insert into kept default values")

	// The next start finds a server that nobody stopped.
	if pid, err := RunningOn(t.Context(), c.Data); err != nil || pid != s.Pid() {
		t.Errorf("server %d runs on the data, %v, not %d", pid, err, s.Pid())
	}
	if stopped, err := c.StopOrphan(t.Context()); !stopped || err != nil {
		t.Errorf("an orphan was stopped: %v, %v", stopped, err)
	}
	select {
	case <-s.Done():
	case <-time.After(time.Minute):
		t.Fatal("the orphan still runs")
	}
	s = start(t, c)
	execute(t, s, "select 1 / (count(*) - 1) from kept")
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestAnotherProcessOfARememberedNumberIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	if err := os.Mkdir(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	// After a crash and a reboot, the number in the file may be any program's: here, this test's.
	if err := os.WriteFile(filepath.Join(c.Data, "postmaster.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stopped, err := c.StopOrphan(t.Context()); stopped || err != nil {
		t.Errorf("an orphan was stopped: %v, %v", stopped, err)
	}
}
