package fleet

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/bench/control"
)

// TestMain makes this program its own servers and workers, as the command is.
func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	serve := map[string]func() error{
		control.NATSCommand: func() error { return control.ServeNATS(ctx, os.Args[2], os.Stdout) },
		WorkersCommand:      func() error { return ServeWorkers(ctx, os.Args[2], os.Stdin, os.Stdout) },
	}
	if len(os.Args) == 3 && serve[os.Args[1]] != nil {
		if err := serve[os.Args[1]](); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	stop()
	goleak.VerifyTestMain(m)
}

// programs builds what a measurement runs.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for module, program := range map[string][2]string{"cmd/loom": {"loom", "."}, "services/ingest": {"loom-ingest", "./cmd/ingest"}} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join("../..", module), "-o", filepath.Join(dir, program[0]), program[1])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", program[0], err, out)
		}
	}
	return dir
}

func TestAFleetTakesRendersThroughWithoutWork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	servers, err := control.StartServers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := servers.Stop(); err != nil {
			t.Error(err)
		}
	}()
	r, err := Measure(ctx, servers, Job{Level: Level{Recorders: 5, Speed: 60}, For: 3 * time.Second, Ingests: 1, Programs: programs(t)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Workers != 11 || r.Loaded.Clients != 12 {
		t.Errorf("there are %d workers, and %d clients of NATS; want 11, and an ingest", r.Workers, r.Loaded.Clients)
	}
	if w := r.Loaded; w.Tasks <= 0 || w.Hops == 0 || w.Hop <= 0 || w.HopP99 < w.Hop || w.Busy <= 0 || w.Control() <= 0 || w.WAL <= 0 || w.Received <= 0 {
		t.Errorf("with work: %+v", w)
	}
	if i := r.Idle; i.Tasks != 0 || i.Hops != 0 || i.Busy != 0 {
		t.Errorf("without work: %+v", i)
	}
}

func TestALevelSaysHowManyTasksComeInASecond(t *testing.T) {
	for text, want := range map[string]Level{"10": {10, 1}, " 1000x2.5": {1000, 2.5}} {
		level, err := ParseLevel(text)
		if err != nil || level != want {
			t.Errorf("%q is %+v, %v; want %+v", text, level, err, want)
		}
	}
	for _, text := range []string{"", "0", "10001", "x2", "10x", "10x0", "10xNaN"} {
		if _, err := ParseLevel(text); err == nil {
			t.Errorf("%q is a level", text)
		}
	}
	// A scene of 600 frames takes a recorder 27 s, and has a task of its own and five of the
	// transcoder. Ten that are busy for seven tenths of the time do 0.26 a second.
	if got, want := (Level{10, 1}).Tasks(), 0.7*10/27*6.5; math.Abs(got-want) > 1e-9 {
		t.Errorf("ten recorders have %v tasks a second, want %v", got, want)
	}
}
