package forecast

import (
	"testing"

	"github.com/google/uuid"
)

func TestWhyNothingCanBeSaidIsSaid(t *testing.T) {
	s := newSite(t)
	render := s.queue(2, 0)
	check := func(want string) {
		t.Helper()
		f, _ := s.of(render)
		if got := why(f); got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	}
	check("no_ingest")
	s.capacity(2, 0, 1, 4)
	check("no_worker transcode")
	s.capacity(2, 1, 1, 4)
	check("no_history")
	s.history(5, 0.02)
	if f, seconds := s.of(render); f.Position == nil || *f.Position != 0 || seconds <= 0 {
		t.Errorf("it is %+v, in %v s", f, seconds)
	}
	s.exec("select loom.pause_kinds('{concat}')")
	check("paused concat")
	s.exec("select loom.resume_kinds('{concat}')")
	s.exec("update loom.capacity set noted_at = now() - interval '2 minutes'")
	check("no_ingest")
}

func TestARenderThatIsNotThereHasNoForecast(t *testing.T) {
	s := newSite(t)
	s.capacity(1, 1, 1, 4)
	if f, _ := s.of(uuid.New()); f.ETA != nil || f.Position != nil {
		t.Errorf("it is %+v", f)
	}
	b, err := s.forecaster.Backlog(t.Context())
	if err != nil || b.ETA != nil || b.Queued+b.InProgress != 0 {
		t.Errorf("the backlog is %+v, %v", b, err)
	}
}

// Recording is all that takes time: 10 s at 30 frames a second and 0.1 s for each are 30 s.
func TestRendersEndOneAfterAnotherInTheOrderOfTheQueue(t *testing.T) {
	s := newSite(t)
	s.history(200, 0.1)
	s.capacity(2, 2, 2, 1)
	var list []uuid.UUID
	for range 4 {
		list = append(list, s.queue(2, 0))
	}
	list = append([]uuid.UUID{s.queue(2, 5)}, list...) // of a higher priority
	for i, render := range list {
		f, seconds := s.of(render)
		if want := 30 * float64(i+1); f.Position == nil || *f.Position != i || seconds < want*0.9 || seconds > want*1.15 {
			t.Errorf("render %d: %v in front, it ends in %.1f s, want about %.0f", i, f.Position, seconds, want)
		}
	}
	b, err := s.forecaster.Backlog(t.Context())
	if err != nil || b.Queued != 5 || b.ETA == nil || b.ETA.EstimatedEnd == nil {
		t.Fatalf("the backlog is %+v, %v", b, err)
	}
	if last := s.forecaster.last.jobs[list[4]]; !b.ETA.EstimatedEnd.Equal(*s.forecaster.last.time(last.end)) {
		t.Errorf("the backlog ends %v, and its last render after %v s", b.ETA.EstimatedEnd, last.end)
	}
	// Five at once share two recorders.
	s.capacity(2, 2, 2, 16)
	if _, seconds := s.of(list[0]); seconds < 27 || seconds > 35 {
		t.Errorf("the one of the highest priority ends in %.1f s", seconds)
	}
	if _, seconds := s.of(list[1]); seconds < 100 || seconds > 170 {
		t.Errorf("one of four that share two recorders ends in %.1f s", seconds)
	}
}

// A page that took four times as long as others will again, whoever renders it and with whatever
// query. One that was not recorded before takes as long as pages do.
func TestAPageTakesAsLongAsItTookBefore(t *testing.T) {
	s := newSite(t)
	s.history(50, 0.1)
	s.capacity(2, 2, 2, 16)
	known, other := s.queue(1, 0), s.queue(1, 0)
	s.exec(`update scenes k set url = 'https://slow.example/page?name=you#top' from renders r where r.id = $1 and r.campaign_id = k.campaign_id`, known)
	recorded := func(url string, seconds float64) {
		s.exec(`with c as (insert into campaigns (name) values ('past') returning id),
			r as (insert into renders (campaign_id, status) select id, 'done' from c returning id),
			j as (insert into render_jobs (render_id, state) select id, 'completed' from r returning render_id),
			p as (insert into loom.plans (id, render_id, campaign, max_retries, outcome, created_at, ended_at, owner)
			      select gen_random_uuid(), render_id, '{}', 3, 'done', now(), now(), '' from j returning id, render_id)
			insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, began_at, ended_at)
			select gen_random_uuid(), id, render_id, 'record', 0, jsonb_build_object('url', $1::text, 'frames', 300), 1, 'done', now() - make_interval(secs => $2), now()
			  from p`, url, seconds)
	}
	if _, seconds := s.of(known); seconds < 25 || seconds > 35 {
		t.Errorf("a page that nobody knows takes %.1f s, want about 30", seconds)
	}
	for range 3 {
		recorded("https://slow.example/page?name=me", 120)
		recorded("https://slow.example/other", 3)
	}
	if _, seconds := s.of(known); seconds < 95 || seconds > 125 {
		t.Errorf("a page that took 120 s three times takes %.1f s", seconds)
	}
	if _, seconds := s.of(other); seconds < 25 || seconds > 35 {
		t.Errorf("another page takes %.1f s, want about 30", seconds)
	}
}
