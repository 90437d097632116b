package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

func TestACampaignThatCannotBeRenderedFailsAtOnceAndAlone(t *testing.T) {
	r := newRig(t)
	p := r.ingest(nil)
	r.work("worker", nil)
	one := func(url string, seconds int) campaign { return campaign{scenes: []scene{{url, seconds, 1}}} }
	fine := one("https://example.com", 1)
	cases := map[string]struct {
		campaign
		code msg.Code
	}{
		"no scenes":            {campaign{}, msg.CodeNoScenes},
		"duration 0":           {one("https://example.com", 0), msg.CodeSceneDuration},
		"duration negative":    {one("https://example.com", -5), msg.CodeSceneDuration},
		"duration of 10 hours": {one("https://example.com", 36000), msg.CodeSceneDuration},
		"too long together": {campaign{scenes: []scene{{"https://a.example", 3600, 1}, {"https://b.example", 3600, 2},
			{"https://c.example", 1, 3}}}, msg.CodeRenderTooLong},
		"not http":       {one("file:///etc/passwd", 1), msg.CodeSceneURL},
		"odd width":      {campaign{width: 641, scenes: fine.scenes}, msg.CodeOutputSize},
		"height 0":       {campaign{height: 0, scenes: fine.scenes}, msg.CodeOutputSize},
		"absurd width":   {campaign{width: 100000, scenes: fine.scenes}, msg.CodeOutputSize},
		"fps 0":          {campaign{fps: 0, scenes: fine.scenes}, msg.CodeOutputFPS},
		"absurd fps":     {campaign{fps: 100000, scenes: fine.scenes}, msg.CodeOutputFPS},
		"facecam no URL": {campaign{facecam: "face.mp4", scenes: fine.scenes}, msg.CodeFacecamURL},
	}
	renders := map[string]uuid.UUID{}
	for name, c := range cases {
		renders[name] = r.submit(c.campaign)
	}
	last := r.submit(fine)
	for name, render := range renders {
		o := r.ended(render)
		if o.status != "failed" || o.code != string(cases[name].code) || o.message == "" || o.job != "failed" {
			t.Errorf("%s: ended as %+v", name, o)
		}
	}
	if o := r.ended(last); o.status != "done" {
		t.Errorf("the good one ended as %+v", o)
	}
	if text := p.metrics(t); !strings.Contains(text, `loom_plan_failures_total{code="scene_duration_invalid"} 3`) {
		t.Errorf("metrics do not count the failures:\n%s", text)
	}
}

func TestScenesWithOneOrderIndexAreOrderedByID(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	c := campaign{}
	for i := range 8 {
		c.scenes = append(c.scenes, scene{fmt.Sprintf("https://example.com/%d", i), 1, 7})
	}
	render := r.submit(c)
	r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", render)
	var same bool
	r.scan(&same, `select
		(select array_agg(s.url order by s.id) from scenes s join renders r on r.campaign_id = s.campaign_id where r.id = $1)
		= (select array_agg(t.params ->> 'url' order by t.seq) from loom.tasks t where t.render_id = $1 and kind = 'record')`, render)
	if !same {
		t.Error("scenes that share an order_index are not in the order of their ids")
	}
}

func TestRendersInFlightAreBounded(t *testing.T) {
	r := newRig(t)
	bound := func(c *ingest.Config) { c.MaxRenders = 2 }
	r.ingest(bound)
	r.ingest(bound)
	var most atomic.Int64
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		var open int64
		if err := r.db.QueryRow(ctx, "select count(*) from loom.plans where ended_at is null").Scan(&open); err == nil {
			most.Store(max(most.Load(), open))
		}
		return msg.Result{Outcome: msg.Done}
	})
	var renders []uuid.UUID
	of := small
	of.user = uuid.New()
	for range 5 {
		renders = append(renders, r.submit(of))
	}
	for _, render := range renders {
		if o := r.ended(render); o.status != "done" {
			t.Errorf("a render ended as %+v", o)
		}
	}
	if most.Load() != 2 {
		t.Errorf("%d renders were in flight at once, want 2", most.Load())
	}
}

func TestABacklogStopsNoOtherUser(t *testing.T) {
	r := newRig(t)
	full := small
	full.user = uuid.New()
	for range 5 {
		r.submit(full)
	}
	r.ingest(func(c *ingest.Config) { c.MaxRenders = 2 })
	const open = "select count(*) = $1 from loom.plans p where ended_at is null and owner = $2"
	r.until("as many as may be are planned", open, 2, full.user.String())
	for range 2 {
		other := small
		other.user = uuid.New()
		r.submit(other)
		r.until("another user's is planned", open, 1, other.user.String())
	}
	late := small
	late.user = uuid.New()
	r.submit(late)
	r.until("and no more than twice as many", "select count(*) = 4 from loom.plans where ended_at is null")
	r.until("the last waits", "select count(*) = 1 from render_jobs where state = 'queued' and queue_owner = $1", late.user.String())
}

func TestAUserHasNoMoreRendersInFlightThanItsShareSays(t *testing.T) {
	r := newRig(t)
	c := small
	c.user = uuid.New()
	r.exec("insert into loom.shares (owner, max_renders) values ($1, 0)", c.user.String())
	r.submit(c)
	r.ingest(func(c *ingest.Config) { c.MaxRendersPerUser = 1 })
	other := small
	other.user = uuid.New()
	for range 3 {
		r.submit(other)
	}
	const open = "select count(*) = $1 from loom.plans p where ended_at is null and owner = $2"
	r.until("one of the other's is planned", open, 1, other.user.String())
	r.until("two wait", "select count(*) = 2 from render_jobs where state = 'queued' and queue_owner = $1", other.user.String())
	r.until("and the one that may have none", open, 0, c.user.String())
	r.exec("update loom.shares set max_renders = null")
	r.until("it may have one", open, 1, c.user.String())
}

func TestASecondJobEndsWithTheFirst(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	goOn := make(chan struct{})
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	r.exec("insert into render_jobs (render_id, state, created_at) values ($1, 'queued', now() + interval '1 second')", render)
	r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", render)
	other := r.submit(small) // a job that waits does not stand in front of others
	r.until("the next is planned", "select exists (select from loom.plans where render_id = $1)", other)
	if o := r.outcome(render); o.job != "running,queued" {
		t.Errorf("jobs are %s", o.job)
	}
	close(goOn)
	if o := r.ended(render); o.status != "done" || o.job != "completed,completed" {
		t.Errorf("the render ended as %+v", o)
	}
	// A job that comes after its render has ended.
	r.exec("insert into render_jobs (render_id, state, created_at) values ($1, 'queued', now() + interval '2 seconds')", render)
	r.until("the late job is closed", "select not exists (select from render_jobs where render_id = $1 and state <> 'completed')", render)
}

func TestARenderWhoseJobWasDeletedEndsWithTheNext(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	goOn := make(chan struct{})
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", render)
	r.exec("delete from render_jobs where render_id = $1", render)
	r.exec("insert into render_jobs (render_id, state) values ($1, 'queued')", render)
	r.until("the plan has the new job", `select exists (select from loom.plans p join render_jobs j on j.id = p.job_id
		where p.render_id = $1 and j.state = 'running')`, render)
	close(goOn)
	if o := r.ended(render); o.status != "done" || o.job != "completed" {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestAJobOfTheNodeWorkerIsLeftAlone(t *testing.T) {
	r := newRig(t)
	r.exec("insert into campaigns (id, name) values ($1, 'node')", uuid.Nil)
	var render uuid.UUID
	r.scan(&render, "insert into renders (campaign_id, status, progress) values ($1, 'recording', 20) returning id", uuid.Nil)
	r.exec("insert into render_jobs (render_id, state, started_at) values ($1, 'running', now())", render)
	r.ingest(nil)
	r.work("worker", nil)
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("our render ended as %+v", o)
	}
	if o := r.outcome(render); o != (outcome{status: "recording", progress: 20, job: "running"}) {
		t.Errorf("the Node worker's render is %+v", o)
	}
}

func TestARenderWhoseRowIsHeldStandsInNobodysWay(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	tx, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	held := r.submit(small)
	if _, err := tx.Exec(t.Context(), "select from renders where id = $1 for update", held); err != nil {
		t.Fatal(err)
	}
	r.ingest(nil)
	r.work("worker", nil)
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render behind it ended as %+v", o)
	}
	if o := r.outcome(held); o.job != "queued" {
		t.Errorf("the render was claimed while somebody held its row: %+v", o)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := r.ended(held); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestANewJobIsNoticedWithoutPolling(t *testing.T) {
	r := newRig(t)
	p := r.ingest(func(c *ingest.Config) { c.PollInterval = 3_600_000 })
	r.eventually("ingest listens", func() (bool, string) {
		var n int
		r.scan(&n, "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen loom_jobs' and state = 'idle'")
		return n == 1 && p.ready(t) == nil, ""
	})
	r.work("worker", nil)
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	// After the loss of the connection it works again.
	r.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'listen loom_jobs'")
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestBehindATransactionPoolerEverythingButListenWorks(t *testing.T) {
	r := newRig(t)
	r.ingest(func(c *ingest.Config) { c.DatabaseURL += "&pgbouncer=true" })
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Concat && g.Attempt == 1 {
			return msg.Result{Outcome: msg.HandedBack, Reason: "drain"}
		}
		if g.Kind == msg.Probe && g.Attempt == 1 {
			return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeInternal, Message: "Oops."}}
		}
		return msg.Result{Outcome: msg.Done}
	})
	if o := r.ended(r.submit(withFacecam)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	if o := r.ended(r.submit(campaign{})); o.code != string(msg.CodeNoScenes) {
		t.Errorf("the empty render ended as %+v", o)
	}
	var listening int
	r.scan(&listening, "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen loom_jobs'")
	if listening != 0 {
		t.Error("it listens")
	}
}

// ready asks /readyz.
func (p *replica) ready(t *testing.T) error {
	t.Helper()
	status, body := p.get(t, "/readyz")
	if status != http.StatusOK {
		return errors.New(body)
	}
	return nil
}

func (p *replica) metrics(t *testing.T) string {
	t.Helper()
	_, body := p.get(t, "/metrics")
	lines := strings.Split(body, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "loom_") }), "\n")
}

func (p *replica) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(p.url + path)
	if err != nil {
		var refused *net.OpError
		if errors.As(err, &refused) {
			return 0, err.Error()
		}
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}
