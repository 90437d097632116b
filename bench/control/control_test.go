package control

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The measurement starts this program again.
	if len(os.Args) == 5 && os.Args[1] == RiverCommand {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := ServeRiver(ctx, os.Args[2:], os.Stdout); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestAGraphIsTakenThroughOnRiver(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	servers, err := StartServers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := servers.Stop(); err != nil {
			t.Error(err)
		}
	}()
	r, err := Measure(ctx, servers, Job{Build: River, Slots: 4, Renders: 3, Scenes: 2, Paced: 2, Rate: 100})
	if err != nil {
		t.Fatal(err)
	}
	// Of each render, two tasks need none.
	if r.Tasks != 18 || r.Hop.Cases != 8 || r.BusyHop.Cases != 12 || r.First.Cases != 2 || r.Hop.P99 <= 0 || r.First.P99 <= 0 {
		t.Errorf("it came to %+v", r)
	}
}

func TestHopsBeginWhenTheLastNeedEnds(t *testing.T) {
	g := graph{queued: 50, planned: 100, needs: map[string][]string{"a": nil, "b": nil, "c": {"a", "b"}, "lost": {"c"}}}
	hop, first, queued := hops([]graph{g}, map[string]taken{
		"a": {Began: 110, Ended: 200}, "b": {Began: 120, Ended: 150}, "c": {Began: 230, Ended: 240},
	})
	if len(hop) != 1 || hop[0] != 30 || len(first) != 1 || first[0] != 10 || queued[0] != 60 {
		t.Errorf("hops are %v, first tasks began after %v and %v", hop, first, queued)
	}
}

func TestSpread(t *testing.T) {
	var list []time.Duration
	for i := range 200 {
		list = append(list, time.Duration(200-i))
	}
	if s := spread(list); s.Median != 101 || s.P99 != 199 || s.Cases != 200 {
		t.Errorf("the spread is %+v", s)
	}
	if s := spread(nil); s.Cases != 0 {
		t.Errorf("the spread of nothing is %+v", s)
	}
}

func TestOnlyBuildsThatWereMadeAreMeasured(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, string(Ours)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, string(Ours), "idle"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := Available(dir); len(got) != 2 || got[0] != Ours || got[1] != River {
		t.Errorf("%v can be measured, want ours and River", got)
	}
}
