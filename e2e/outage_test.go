package e2e

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

func TestNATSMayLoseEverythingMidway(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{Recorders: 2})
	c, hold := held(t, p, 2)
	segments := p.Store.Hold(t, http.MethodPut, "/segment")
	id := p.Submit(t, c)
	wipe := func() {
		p.NATS.Kill(t)
		p.NATS.Wipe(t)
		p.NATS.Start(t)
	}
	hold.Await(t, 1)
	wipe()
	hold.Release()
	segments.Await(t, 1)
	wipe()
	segments.Release()
	checkDone(t, p, p.Await(t, id), c)
}

func TestPostgresMayBeAwayMidway(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	ingest := p.Services("ingest")[0]
	p.Postgres.Stop(t)
	rig.Eventually(t, "ingest says that it is not ready", func() bool { return !ingest.Ready() })
	hold.Release()
	p.Postgres.Start(t)
	checkDone(t, p, p.Await(t, id), c)
	ingest.AwaitReady(t)
}

// An ingest is stopped for longer than a lease, and continued. Its workers are well and go on.
func TestAnIngestThatStandsStillCostsNoWork(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	ingest := p.Services("ingest")[0]
	ingest.Signal(t, syscall.SIGSTOP)
	rig.Eventually(t, "the lease runs out", func() bool {
		return rig.Value[bool](t, p.App, `select bool_and(lease_until < clock_timestamp() - interval '1 second')
			from loom.tasks where render_id = $1 and state = 'running'`, id)
	})
	ingest.Signal(t, syscall.SIGCONT)
	hold.Release()
	checkDone(t, p, p.Await(t, id), c)
	checkUncharged(t, p, id)
	if n := rig.Value[int](t, p.App, `select max(attempt) from loom.tasks where render_id = $1`, id); n != 1 {
		t.Errorf("work was done %d times", n)
	}
}
