package e2e

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

func TestNATSMayLoseEverythingMidway(t *testing.T) {
	p := rig.Start(t, rig.Config{Recorders: 2})
	c, gate := held(p, 3)
	segments := p.Store.Hold(http.MethodPut, "/segment")
	id := p.Submit(t, c)
	wipe := func() {
		p.NATS.Kill(t)
		p.NATS.Wipe(t)
		p.NATS.Start(t)
	}
	gate.Await(t, 1)
	wipe()
	gate.Open()
	segments.Await(t, 1)
	wipe()
	segments.Open()
	checkDone(t, p, p.Await(t, id), c)
}

func TestPostgresMayBeAwayMidway(t *testing.T) {
	p := rig.Start(t, rig.Config{})
	c, gate := held(p, 2)
	id := p.Submit(t, c)
	gate.Await(t, 1)
	ingest := p.Services("ingest")[0]
	p.Postgres.Stop(t)
	rig.Eventually(t, "ingest says that it is not ready", func() bool { return !ingest.Ready() })
	gate.Open()
	p.Postgres.Start(t)
	checkDone(t, p, p.Await(t, id), c)
	ingest.AwaitReady(t)
}
