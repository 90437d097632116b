package e2e

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

func TestTwoRecordersAndTwoTranscodersShareOneCampaign(t *testing.T) {
	p := rig.Usual(t)
	c := campaign(p, 2)
	var pages []*rig.Hold
	for i := range c.Scenes {
		url, hold := p.Site.HeldPage(t, colors[i].name, fps)
		c.Scenes[i].URL = url
		pages = append(pages, hold)
	}
	segments := p.Store.Hold(t, http.MethodPut, "/segment")
	id := p.Submit(t, c)
	// Each replica has one slot: two scenes that are worked on at once are with two replicas.
	rig.Eventually(t, "two scenes are recorded at once", func() bool {
		n := 0
		for _, g := range pages {
			n += min(g.Waiting(), 1)
		}
		return n >= 2
	})
	for _, g := range pages {
		g.Release()
	}
	segments.Await(t, 2)
	segments.Release()
	checkDone(t, p, p.Await(t, id), c)
	attempts := p.Attempts(t, id)
	for kind, service := range map[string]string{"record": "recorder", "normalize": "transcoder"} {
		var want []string
		for _, s := range p.Services(service) {
			want = append(want, s.Worker)
		}
		slices.Sort(want)
		if got := workers(attempts, kind); len(want) != 2 || !slices.Equal(got, want) {
			t.Errorf("%s was done by %v, not by %v", kind, got, want)
		}
	}
	checkUncharged(t, p, id)
}

func TestTwoIngestsTakeEveryJobExactlyOnce(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{Ingests: 2})
	c := campaign(p, 1)
	var ids []uuid.UUID
	for range 3 {
		ids = append(ids, p.Submit(t, c))
	}
	for _, id := range ids {
		checkDone(t, p, p.Await(t, id), c)
		if n := rig.Value[int](t, p.App, `select count(*) from loom.plans where render_id = $1`, id); n != 1 {
			t.Errorf("render %s was planned %d times", id, n)
		}
		checkUncharged(t, p, id)
	}
}

func TestASlowRenderStandsInNobodysWay(t *testing.T) {
	p := rig.Usual(t)
	slow, hold := held(t, p, 1)
	slowID := p.Submit(t, slow)
	hold.Await(t, 1)
	quick := campaign(p, 2)
	checkDone(t, p, p.Await(t, p.Submit(t, quick)), quick)
	if r, err := p.Look(slowID); err != nil || r.Status != "recording" {
		t.Errorf("the slow render is %s, %v: its page has not loaded yet", r.Status, err)
	}
	hold.Release()
	checkDone(t, p, p.Await(t, slowID), slow)
}
