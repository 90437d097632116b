package ingest_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// ran lists the tasks of a render's newest plan that a worker had, as "kind seq".
func (r *rig) ran(render uuid.UUID) string {
	r.t.Helper()
	var list string
	r.scan(&list, `select coalesce(string_agg(t.kind || ' ' || t.seq, ', ' order by loom.stage_rank(t.kind), t.kind, t.seq), '')
		from loom.tasks t where t.attempt > 0
		 and t.plan_id = (select p.id from loom.plans p where p.render_id = $1 order by p.created_at desc limit 1)`, render)
	return list
}

// again queues another render of a render's campaign.
func (r *rig) again(render uuid.UUID) uuid.UUID {
	r.t.Helper()
	var campaign uuid.UUID
	r.scan(&campaign, "select campaign_id from renders where id = $1", render)
	return r.queue(campaign)
}

// done waits until a render has ended, as done.
func (r *rig) done(render uuid.UUID) {
	r.t.Helper()
	if o := r.ended(render); o.status != "done" || o.progress != 100 || strings.Contains(o.job, "running") {
		r.t.Fatalf("the render ended as %+v", o)
	}
}

// shows checks that a render's report and the metrics say what it has reused.
func (r *rig) shows(p *replica, render uuid.UUID) {
	r.t.Helper()
	var want, got string
	r.scan(&want, `select jsonb_object_agg(kind, n)::text from (select kind, count(*) as n from loom.tasks
		where render_id = $1 and source is not null group by kind) as k`, render)
	r.scan(&got, "select coalesce(report ->> 'reused', 'nothing') from renders where id = $1", render)
	if got != want {
		r.t.Errorf("its report says that it has reused %s, want %s", got, want)
	}
	var lines []string
	r.scan(&lines, `select array(select format('loom_tasks_reused_total{kind="%s"} %s', key, value) from jsonb_each($1::text::jsonb))`, want)
	r.eventually("it is counted", func() (bool, string) {
		text := p.metrics(r.t)
		return !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(text, line) }), text
	})
}

func anHour(c *ingest.Config) { c.CacheTTL = time.Hour }

const allOfIt = "probe 0, record 0, record 1, normalize 0, normalize 1, normalize 2, concat 0, overlay 0, upload 0"

func TestOnlyWhatAChangeTouchesIsMadeAgain(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"nothing":     {"select $1::uuid", "upload 0"},
		"its facecam": {"update campaigns set facecam_url = 'https://example.com/other.mp4' where id = $1", strings.Replace(allOfIt, "record 0, record 1, ", "", 1)},
		"a page": {"update scenes set url = 'https://example.com/other' where campaign_id = $1 and order_index = 2",
			"record 1, normalize 1, normalize 2, concat 0, overlay 0, upload 0"},
		"its sound": {`update campaigns set output_options = '{"loudness": {"integrated_lufs": -20}}' where id = $1`, "overlay 0, upload 0"},
		"its name":  {"update campaigns set name = 'other' where id = $1", "upload 0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p := r.ingest(anHour)
			r.work("worker", func(context.Context, msg.Grant) msg.Result {
				return msg.Result{Outcome: msg.Done, Facts: []byte(`{"frames": 1, "report": {"frames": 1}}`)}
			})
			first := r.submit(withFacecam)
			r.done(first)
			if ran := r.ran(first); ran != allOfIt {
				t.Errorf("the first render ran %s", ran)
			}
			var campaign uuid.UUID
			r.scan(&campaign, "select campaign_id from renders where id = $1", first)
			r.exec(c.change, campaign)
			second := r.again(first)
			r.done(second)
			ran := r.ran(second)
			t.Logf("%s is changed; what ran: %s", name, ran)
			if ran != c.want {
				t.Errorf("ran %s, want %s", ran, c.want)
			}
			var used bool
			r.scan(&used, `select bool_and(t.keys = s.keys and t.keys is not null and t.source_render = $2) from loom.tasks t
				join loom.tasks s on s.id = t.source where t.render_id = $1`, second, first)
			if !used {
				t.Error("what was not made again has other objects")
			}
			r.shows(p, second)
			var of bool
			r.scan(&of, "select report = '{\"frames\": 1}' from renders where id = $1", first)
			if !of {
				t.Error("the first render's report says that something was reused")
			}
		})
	}
}

// By default nobody is shown a page as it was before Render was pressed.
func TestNothingOlderThanItsRenderIsUsedUnlessTheCampaignAllowsIt(t *testing.T) {
	const everything = "record 0, record 1, normalize 0, normalize 1, concat 0, upload 0"
	for name, c := range map[string]struct {
		setting       time.Duration
		output, scene string
		want          string
	}{
		"by default":                 {0, `{}`, `{}`, everything},
		"the campaign allows it":     {0, `{"cache": "1h"}`, `{}`, "upload 0"},
		"the operator allows it":     {time.Hour, `{}`, `{}`, "upload 0"},
		"the campaign forbids it":    {time.Hour, `{"cache": "off"}`, `{}`, everything},
		"a scene allows it":          {0, `{}`, `{"cache": "1h"}`, "record 1, normalize 1, concat 0, upload 0"},
		"a scene forbids it":         {time.Hour, `{}`, `{"cache": "off"}`, "record 0, normalize 0, concat 0, upload 0"},
		"its options may be secret":  {time.Hour, `{}`, `{"cache": "1h", "headers": {"x-token": "a"}}`, "record 0, normalize 0, concat 0, upload 0"},
		"what it types is a secret":  {time.Hour, `{}`, `{"actions": [{"do": "type", "selector": "input", "text": "a"}]}`, "record 0, normalize 0, concat 0, upload 0"},
		"it sends a cookie":          {time.Hour, `{}`, `{"cookies": [{"name": "a", "value": "b"}]}`, "record 0, normalize 0, concat 0, upload 0"},
		"it has a user and password": {time.Hour, `{}`, `{"basic_auth": {"username": "a", "password": "b"}}`, "record 0, normalize 0, concat 0, upload 0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			// It is claimed when its options are there.
			r.exec("insert into loom.shares (owner, max_renders) values ($1, 0)", uuid.Max.String())
			r.ingest(func(cfg *ingest.Config) { cfg.CacheTTL = c.setting })
			r.work("worker", nil)
			of := small
			of.user = uuid.Max
			first := r.submit(of)
			r.exec("update campaigns set output_options = $1::text::jsonb", c.output)
			r.exec("update scenes set options = $1::text::jsonb where order_index = 1", c.scene)
			r.exec("delete from loom.shares")
			r.done(first)
			if ran := r.ran(first); ran != everything {
				t.Errorf("the first render ran %s", ran)
			}
			second := r.again(first)
			r.done(second)
			if ran := r.ran(second); ran != c.want {
				t.Errorf("the second render ran %s, want %s", ran, c.want)
			}
		})
	}
}

func TestNothingOfAnotherUsersIsUsed(t *testing.T) {
	r := newRig(t)
	r.ingest(anHour)
	r.work("worker", nil)
	for range 2 {
		render := r.submit(withFacecam)
		r.done(render)
		if ran := r.ran(render); ran != allOfIt {
			t.Errorf("a user's first render ran %s", ran)
		}
	}
	// Campaigns without a user have one owner together.
	for _, want := range []string{allOfIt, "upload 0"} {
		hold := r.submit(withFacecam)
		r.done(hold)
		r.exec("update campaigns set user_id = null")
		render := r.again(hold)
		r.done(render)
		if ran := r.ran(render); ran != want {
			t.Errorf("a render of nobody's ran %s, want %s", ran, want)
		}
	}
}

func TestRendersThatAreQueuedTogetherRecordEachPageOnce(t *testing.T) {
	r := newRig(t)
	of := withFacecam
	of.user = uuid.New()
	renders := []uuid.UUID{r.submit(of)}
	for range 3 {
		renders = append(renders, r.again(renders[0]))
	}
	r.ingest(nil)
	r.work("one", nil)
	r.work("two", nil)
	for _, render := range renders {
		r.done(render)
	}
	var twice string
	r.scan(&twice, `select coalesce(string_agg(k, ', '), '') from (select kind || ' ' || seq as k from loom.tasks
		where attempt > 0 and kind <> 'upload' group by kind, seq having count(*) > 1) as x`)
	if twice != "" {
		t.Errorf("made more than once: %s", twice)
	}
	var uploads int
	r.scan(&uploads, "select count(*) from loom.tasks where kind = 'upload' and attempt = 1")
	if uploads != len(renders) {
		t.Errorf("%d uploads for %d renders", uploads, len(renders))
	}
}

func TestARetryDoesOnlyWhatFailedAndWhatFollows(t *testing.T) {
	for name, scene := range map[string]string{"as a rule": `{}`, "with secrets": `{"headers": {"x-token": "a"}}`, "without a cache": `{"cache": "off"}`} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			failing := make(chan struct{})
			r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
				select {
				case <-failing:
					return msg.Result{Outcome: msg.Done}
				default:
				}
				if g.Kind == msg.Overlay {
					return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeInternal, Message: "Oops.", Permanent: true}}
				}
				return msg.Result{Outcome: msg.Done}
			})
			render := r.submit(withFacecam)
			r.exec("update scenes set options = $1::text::jsonb", scene)
			r.ingest(nil)
			if o := r.ended(render); o.status != "failed" || o.job != "failed" {
				t.Fatalf("the render ended as %+v", o)
			}
			close(failing)
			r.exec("insert into render_jobs (render_id) values ($1)", render)
			r.until("it is done", "select status = 'done' and error_code is null from renders where id = $1", render)
			ran := r.ran(render)
			t.Logf("the overlay failed; what ran in the retry: %s", ran)
			if ran != "overlay 0, upload 0" {
				t.Errorf("the retry ran %s", ran)
			}
			// A job for a render that is done ends as that did.
			r.exec("insert into render_jobs (render_id) values ($1)", render)
			r.until("all its jobs are over", "select array_agg(state order by created_at) = '{failed,completed,completed}' from render_jobs where render_id = $1", render)
		})
	}
}

func TestAJobThatWaitedForARenderThatFailedEndsWithIt(t *testing.T) {
	r := newRig(t)
	render := r.submit(campaign{})
	r.exec("insert into render_jobs (render_id, created_at) values ($1, now() + interval '1 second')", render)
	r.ingest(nil)
	if o := r.ended(render); o.job != "failed,failed" {
		t.Errorf("the render ended as %+v", o)
	}
	// And one that is queued afterwards does it again: the campaign was put right.
	r.exec("insert into scenes (campaign_id, url, duration_sec, order_index) select campaign_id, 'https://example.com', 1, 1 from renders where id = $1", render)
	r.work("worker", nil)
	r.exec("insert into render_jobs (render_id, created_at) values ($1, now() + interval '2 seconds')", render)
	r.until("it is done", "select status = 'done' from renders where id = $1", render)
}

// Whatever ends the one that makes what others wait for, those others make it, each step once.
// Which of them makes a step is open: one whose row is locked at that moment is passed over.
func TestThoseThatWaitMakeWhatTheirMakerDoesNot(t *testing.T) {
	for name, end := range map[string]func(r *rig, render uuid.UUID){
		"it is cancelled": func(r *rig, render uuid.UUID) {
			r.exec("update renders set cancel_requested = true where id = $1", render)
		},
		"the app ends it": func(r *rig, render uuid.UUID) {
			r.exec("update renders set status = 'failed' where id = $1", render)
		},
		"it is deleted": func(r *rig, render uuid.UUID) {
			r.exec("delete from renders where id = $1", render)
		},
		"its campaign fails": func(r *rig, render uuid.UUID) {
			r.exec("select loom.fail_render($1::uuid, (select id from loom.plans where render_id = $1::uuid), null, 'internal', 'Oops.')", render)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			of := small
			of.user = uuid.New()
			maker := r.submit(of)
			next, last := r.again(maker), r.again(maker)
			r.ingest(nil)
			begun := make(chan struct{}, 10)
			r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
				if g.RenderID == maker && g.Kind == msg.Record {
					begun <- struct{}{}
					<-ctx.Done()
				}
				return msg.Result{Outcome: msg.Done}
			})
			<-begun
			r.until("two wait", `select count(*) = 4 from loom.tasks f join loom.tasks m on m.id = f.maker
				where f.state = 'waiting' and m.render_id = $1`, maker)
			end(r, maker)
			r.done(next)
			r.done(last)
			var made string
			r.scan(&made, `select string_agg(kind || ' ' || seq || ' ' || attempt, ', ' order by loom.stage_rank(kind), kind, seq, render_id)
				from loom.tasks where attempt > 0 and render_id in ($1, $2)`, next, last)
			if made != "record 0 1, record 1 1, normalize 0 1, normalize 1 1, concat 0 1, upload 0 1, upload 0 1" {
				t.Errorf("those that waited ran %s", made)
			}
		})
	}
}

// An open transaction of the app's that has locked a render's rows stops that render alone.
func TestNobodyWaitsForARenderWhoseRowsAreHeld(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	of := small
	of.user = uuid.New()
	maker := r.submit(of)
	next := r.again(maker)
	r.ingest(nil)
	begun, letGo := make(chan struct{}, 10), make(chan struct{})
	do := func(ctx context.Context, g msg.Grant) msg.Result {
		if g.RenderID == maker {
			begun <- struct{}{}
			select {
			case <-letGo:
			case <-ctx.Done():
			}
		}
		return msg.Result{Outcome: msg.Done}
	}
	r.work("one", do)
	r.work("two", do)
	<-begun
	r.until("the other waits", "select count(*) = 2 from loom.tasks where render_id = $1 and maker is not null", next)
	tx, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "select from renders where id = $1 for update", maker); err != nil {
		t.Fatal(err)
	}
	close(letGo)
	r.done(next)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.done(maker)
}

// What another program deletes from the work bucket is made again: by the render that misses it
// while it has tries left, and otherwise by a retry of it.
func TestWhatIsGoneIsMadeAgain(t *testing.T) {
	for name, retries := range map[string]int{"with tries left": 1, "by a retry of the render": 0} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.ingest(func(c *ingest.Config) { c.CacheTTL, c.MaxRetries = time.Hour, retries })
			var first atomic.Pointer[uuid.UUID]
			r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
				if gone := first.Load(); gone != nil && strings.HasPrefix(g.Inputs[msg.SegmentName(0)].Key, gone.String()) {
					return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeStorageMissing, Message: "Oops."}}
				}
				return msg.Result{Outcome: msg.Done}
			})
			id := r.submit(withFacecam)
			r.done(id)
			r.exec("update loom.tasks set output_key = null where kind = 'concat'") // so it is joined again
			first.Store(&id)
			second := r.again(id)
			if retries == 0 {
				if o := r.ended(second); o.status != "failed" || o.code != string(msg.CodeStorageMissing) {
					t.Fatalf("the render ended as %+v", o)
				}
				r.exec("insert into render_jobs (render_id) values ($1)", second)
			}
			r.until("it is done", "select status = 'done' from renders where id = $1", second)
			if ran := r.ran(second); ran != "normalize 0, normalize 1, normalize 2, concat 0, overlay 0, upload 0" {
				t.Errorf("ran %s", ran)
			}
		})
	}
}

// A task shows its maker's progress, and so does the render.
func TestARenderThatWaitsForAnothersRecordingShowsItsProgress(t *testing.T) {
	r := newRig(t)
	of := small
	of.user = uuid.New()
	maker := r.submit(of)
	next := r.again(maker)
	r.ingest(nil)
	goOn := make(chan struct{})
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Record {
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return msg.Result{Outcome: msg.Done}
	})
	r.until("it moves", `select n.progress > 5 and n.progress = m.progress and n.status = 'recording' and m.status = 'recording'
		from renders n, renders m where n.id = $1 and m.id = $2`, next, maker)
	close(goOn)
	r.done(next)
}

func TestWarningsOfAReusedRecordingNameItsOwnScene(t *testing.T) {
	r := newRig(t)
	r.ingest(anHour)
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		facts := `{"frames": 1}`
		if g.Kind == msg.Record && strings.Contains(string(g.Params), "/b") {
			facts = `{"frames": 1, "warnings": [{"code": "fonts_missing", "scene": 2, "message": "Scene 2 shows scene 2 of 2."}]}`
		}
		return msg.Result{Outcome: msg.Done, Facts: []byte(facts)}
	})
	c := campaign{width: 640, height: 360, fps: 30, scenes: []scene{{"https://example.com/a", 1, 1}, {"https://example.com/b", 1, 2}}}
	first := r.submit(c)
	r.done(first)
	r.exec("update scenes set order_index = 0 where url like '%/b'")
	second := r.again(first)
	r.done(second)
	for render, want := range map[uuid.UUID]string{first: "2: Scene 2 shows scene 2 of 2.", second: "1: Scene 1 shows scene 2 of 2."} {
		var got []string
		r.scan(&got, "select array(select concat(w ->> 'scene', ': ', w ->> 'message') from jsonb_array_elements(warnings) w) from renders where id = $1", render)
		if !slices.Equal(got, []string{want}) {
			t.Errorf("warnings are %q, want %q", got, want)
		}
	}
	if ran := r.ran(second); strings.Contains(ran, "record") {
		t.Errorf("the second ran %s", ran)
	}
}

func TestWhatOtherToolsMadeIsMadeAgain(t *testing.T) {
	r := newRig(t)
	r.ingest(anHour)
	r.work("worker", nil)
	first := r.submit(small)
	r.done(first)
	r.exec("update loom.tasks set tools = 'old' where kind = 'normalize'")
	r.exec("insert into loom.tools (kind, tools) values ('normalize', 'new')")
	r.exec("insert into loom.tools (kind, tools, seen_at) values ('normalize', 'old', now() - interval '1 hour')")
	second := r.again(first)
	r.done(second)
	if ran := r.ran(second); ran != "normalize 0, normalize 1, concat 0, upload 0" {
		t.Errorf("the second render ran %s", ran)
	}
}

// Objects live while a plan refers to them, whatever becomes of the render that they were made for.
func TestObjectsLiveWhileAnotherRenderRefersToThem(t *testing.T) {
	for name, end := range map[string]string{"its time is over": "select $1::uuid", "it was deleted": "delete from renders where id = $1"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.store = storetest.Server(t)
			objects := storetest.Client(t)
			bucket := storetest.Bucket(t, objects)
			r.ingest(func(c *ingest.Config) { c.CacheTTL, c.Retention, c.WorkBucket = time.Hour, time.Second, bucket })
			goOn := make(chan struct{})
			holding := make(chan struct{}, 10)
			var second atomic.Pointer[uuid.UUID]
			r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
				if s := second.Load(); s != nil && g.RenderID == *s {
					holding <- struct{}{}
					select {
					case <-goOn:
					case <-ctx.Done():
					}
				}
				for name, out := range g.Outputs {
					put(t, ctx, out, name)
				}
				return msg.Result{Outcome: msg.Done}
			})
			first := r.submit(withFacecam)
			third := r.submit(withFacecam) // nobody refers to its objects
			r.done(first)
			r.done(third)
			var campaign uuid.UUID
			r.scan(&campaign, "update campaigns set facecam_url = 'https://example.com/other.mp4' where id = (select campaign_id from renders where id = $1) returning id", first)
			id := uuid.New()
			second.Store(&id)
			r.exec("insert into renders (id, campaign_id) values ($1, $2)", id, campaign)
			r.exec("insert into render_jobs (render_id) values ($1)", id)
			<-holding
			var keys []string
			r.scan(&keys, "select array(select keys ->> 'mezzanine-0000' from loom.tasks where render_id = $1 and source_render = $2)", id, first)
			if len(keys) != 2 {
				t.Fatalf("the second render refers to %q", keys)
			}
			r.exec(end, first)
			r.exec("delete from renders where id = $1", third)
			r.until("what nobody refers to is swept", "select not exists (select from loom.leftovers where render_id = $1)", third)
			for _, key := range keys {
				if _, err := objects.Size(t.Context(), bucket, key); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
			close(goOn)
			r.done(id)
			r.until("everything is swept in the end", `select not exists (select from loom.leftovers)
				and not exists (select from loom.plans where swept_at is null)`)
			for _, key := range keys {
				if _, err := objects.Size(t.Context(), bucket, key); err == nil {
					t.Errorf("%s is still there", key)
				}
			}
		})
	}
}

func TestWhatIsSweptIsMadeAgain(t *testing.T) {
	r := newRig(t)
	r.store = storetest.Server(t)
	bucket := storetest.Bucket(t, storetest.Client(t))
	r.ingest(func(c *ingest.Config) { c.CacheTTL, c.Retention, c.WorkBucket = time.Hour, 0, bucket })
	r.work("worker", nil)
	first := r.submit(withFacecam)
	r.done(first)
	r.until("it is swept", "select swept_at is not null from loom.plans where render_id = $1", first)
	second := r.again(first)
	r.done(second)
	if ran := r.ran(second); ran != allOfIt {
		t.Errorf("the second render ran %s", ran)
	}
}
