package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// messages waits until a stream has so many messages.
func (r *rig) messages(stream string, want uint64) {
	r.t.Helper()
	js, err := jetstream.New(r.nats.Connect(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	var n uint64
	r.eventually(fmt.Sprintf("%d messages are in %s", want, stream), func() (bool, string) {
		if s, err := js.Stream(r.t.Context(), stream); err == nil {
			n = s.CachedInfo().State.Msgs
		}
		return n == want, fmt.Sprint(n)
	})
}

func TestACancelIsDoneThoughWhatElseEndsRendersFails(t *testing.T) {
	r := newRig(t)
	r.exec(`create or replace function loom.fail_overdue(p_limit interval, p_code text, p_message text) returns table (render_id uuid, kind text)
		language plpgsql as $$ begin raise 'not now'; end $$`)
	r.exec("create or replace function loom.close_ended_plans() returns setof uuid language plpgsql as $$ begin raise 'not now'; end $$")
	r.ingest(nil)
	render := r.submit(small)
	r.messages(msg.StreamRecord, 1)
	r.exec("update renders set cancel_requested = true where id = $1", render)
	if o := r.ended(render); o.status != "cancelled" {
		t.Errorf("it ended as %+v", o)
	}
}

// No worker is there that would drop them.
func TestQueuedMessagesOfARenderThatEndsAreGone(t *testing.T) {
	for name, end := range map[string]string{
		"by its status":       "update renders set status = 'cancelled' where id = $1",
		"by cancel_requested": "update renders set cancel_requested = true where id = $1",
		"by a delete":         "delete from renders where id = $1",
		"by loom cancel":      "select loom.cancel_render($1)",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.ingest(nil)
			render := r.submit(small)
			r.messages(msg.StreamRecord, 1)
			r.messages(msg.StreamEvents, 2) // ingest has seen that it is being made
			cancels, err := r.nats.Connect(t).SubscribeSync(msg.AllCancels)
			if err != nil {
				t.Fatal(err)
			}
			r.exec(end, render)
			r.messages(msg.StreamRecord, 0)
			if m, err := cancels.NextMsg(patience); err != nil || m.Subject != msg.CancelSubject(render) {
				t.Errorf("its workers are not told to stop: %v, %v", m, err)
			}
			r.until("none of its tasks is left", "select not exists (select from loom.tasks where state in ('waiting', 'due', 'running'))")
		})
	}
}

func TestAPausedStageBeginsNothingAndEndsWhatRuns(t *testing.T) {
	r := newRig(t)
	p := r.ingest(nil)
	c := r.recorder()
	render := r.submit(scenes(uuid.New(), 3))
	<-c.begun
	r.exec("select loom.pause_kinds('{record}')")
	c.finish <- struct{}{}
	r.until("what ran has ended", "select exists (select from loom.tasks where kind = 'record' and state = 'done')")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	// A restart changes nothing: others' work goes on, of the first scene, too.
	r.ingest(nil)
	r.until("its piece is normalized", "select exists (select from loom.tasks where kind = 'normalize' and state = 'done')")
	r.messages(msg.StreamRecord, 0)
	select {
	case <-c.begun:
		t.Error("a scene is begun while the stage is paused")
	default:
	}
	r.until("the others wait", "select count(*) = 2 from loom.tasks where kind = 'record' and state = 'due' and attempt = 0")
	r.exec("select loom.resume_kinds('{record}')")
	for range 2 {
		<-c.begun
		c.finish <- struct{}{}
	}
	if o := r.ended(render); o.status != "done" {
		t.Errorf("it ended as %+v", o)
	}
	r.uncharged()
}

func TestNoMorePagesOfAHostAreRecordedThanMayBe(t *testing.T) {
	r := newRig(t)
	for range 2 {
		r.ingest(func(c *ingest.Config) { c.PerHost = 2 })
	}
	var now, tooMany atomic.Int64
	var other sync.Once
	otherBegun := make(chan struct{})
	busy := scenes(uuid.New(), 8)
	elsewhere := busy
	elsewhere.scenes = []scene{{"https://other.example/", 1, 0}}
	var second uuid.UUID
	hold := make(chan struct{}, 8)
	do := func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind != msg.Record {
			return msg.Result{Outcome: msg.Done}
		}
		if g.RenderID == second {
			other.Do(func() { close(otherBegun) })
			return msg.Result{Outcome: msg.Done}
		}
		n := now.Add(1)
		defer now.Add(-1)
		if n > 2 {
			tooMany.Store(n)
		}
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return msg.Result{Outcome: msg.Done}
	}
	first := r.submit(busy)
	second = r.submit(elsewhere)
	for i := range 5 {
		r.work(fmt.Sprintf("worker-%d", i), do)
	}
	r.eventually("two pages are recorded", func() (bool, string) { return now.Load() == 2, "" })
	<-otherBegun // a host that is full stops no other
	close(hold)
	for _, render := range []uuid.UUID{first, second} {
		if o := r.ended(render); o.status != "done" {
			t.Errorf("it ended as %+v", o)
		}
	}
	if n := tooMany.Load(); n > 0 {
		t.Errorf("%d pages of one host were recorded at once", n)
	}
	r.uncharged()
}

// A render that cannot go on ends all the same, but a pause is not held against it.
func TestARenderEndsWhenItsTimeIsOver(t *testing.T) {
	r := newRig(t)
	r.exec("select loom.pause_kinds('{record}')")
	p := r.ingest(func(c *ingest.Config) { c.RenderTimeout = 2 * time.Second })
	render := r.submit(small)
	r.until("its time would be over", "select exists (select from loom.plans where created_at < clock_timestamp() - interval '3 seconds')")
	r.until("rounds go on", "select status = 'recording' from renders where id = $1", render)
	r.exec("select loom.resume_kinds('{record}')")
	working := make(chan struct{}, 10)
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		working <- struct{}{}
		<-ctx.Done() // it is told to stop
		return msg.Result{}
	})
	<-working
	o := r.ended(render)
	if o.status != "failed" || o.code != string(msg.CodeRenderTimeout) || !strings.Contains(o.message, "2 seconds") || o.job != "failed" {
		t.Errorf("it ended as %+v", o)
	}
	var letter string
	r.scan(&letter, "select string_agg(kind || ' ' || error_code, ',') from loom.dead_letters where render_id = $1", render)
	if letter != "record render_timeout" {
		t.Errorf("its dead letters are %s", letter)
	}
	if text := p.metrics(t); !strings.Contains(text, `loom_dead_letters_total{code="render_timeout",kind="record"} 1`) {
		t.Error(text)
	}
}

// A worker that fails all that it gets, at once, is always the first to be free again.
func TestAWorkerThatFailsWhatOthersCanDoRestsAndCostsNoRender(t *testing.T) {
	r := newRig(t)
	var log lines
	p := r.ingest(func(c *ingest.Config) { c.Log = zerolog.New(&log) })
	broken := func(_ context.Context, g msg.Grant) msg.Result {
		return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeInternal, Message: "no space left on device"}}
	}
	r.work("broken", broken)
	r.work("well-1", nil)
	r.work("well-2", nil)
	var renders []uuid.UUID
	for range 12 {
		renders = append(renders, r.submit(scenes(uuid.New(), 2)))
	}
	for _, render := range renders {
		if o := r.ended(render); o.status != "done" {
			t.Errorf("a render ended as %+v", o)
		}
	}
	r.until("it rests", "select exists (select from loom.workers where worker = 'broken' and rest_until > clock_timestamp() and rests = 1)")
	r.eventually("that is told", func() (bool, string) {
		text := p.metrics(t)
		return strings.Contains(log.String(), "a worker keeps failing what others can do: it rests") &&
			(strings.Contains(text, `loom_workers_resting{stage="record"} 1`) || strings.Contains(text, `loom_workers_resting{stage="transcode"} 1`)), text
	})
	var most int
	r.scan(&most, "select max(n) from (select count(*) as n from loom.attempts a where a.worker = 'broken' group by a.task_id) x")
	if most > 1 {
		t.Errorf("it was given one task %d times", most)
	}
	var well int
	r.scan(&well, "select count(*) from loom.workers where worker like 'well%' and (rests > 0 or rest_until is not null)")
	if well > 0 {
		t.Errorf("%d of the others rest", well)
	}
}

// What every worker fails is the task's fault.
func TestATaskThatAllFailIsADeadLetterAndNoWorkerRests(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	p := r.ingest(nil)
	var poison sync.Map
	do := func(_ context.Context, g msg.Grant) msg.Result {
		if _, found := poison.Load(g.RenderID); found {
			return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeSceneMemory, Message: "too large", Detail: "oom"}}
		}
		return msg.Result{Outcome: msg.Done}
	}
	var bad []uuid.UUID
	for range 3 {
		render := r.submit(scenes(uuid.New(), 1))
		poison.Store(render, true)
		bad = append(bad, render)
	}
	for i := range 3 {
		r.work(fmt.Sprintf("worker-%d", i), do)
	}
	good := r.submit(scenes(uuid.New(), 5))
	for _, render := range bad {
		if o := r.ended(render); o.status != "failed" {
			t.Errorf("it ended as %+v", o)
		}
	}
	if o := r.ended(good); o.status != "done" {
		t.Errorf("it ended as %+v", o)
	}
	var rested, letters int
	r.scan(&rested, "select count(*) from loom.workers where rests > 0")
	r.scan(&letters, `select count(*) from loom.dead_letters d join loom.tasks k on k.id = d.id
		where k.state = 'failed' and d.kind = 'record' and d.error_code = 'scene_memory' and d.detail = 'oom' and d.settled is null`)
	if rested > 0 || letters != 3 {
		t.Errorf("%d workers rest, there are %d dead letters", rested, letters)
	}
	// What was in the way is gone: an operator has them made again.
	for _, render := range bad {
		poison.Delete(render)
	}
	r.exec("select loom.replay_dead(array(select id from loom.dead_letters))")
	r.until("they are done", "select bool_and(status = 'done') from renders")
	r.eventually("they are counted", func() (bool, string) {
		text := p.metrics(t)
		return strings.Contains(text, `loom_dead_letters_total{code="scene_memory",kind="record"} 3`) && strings.Contains(text, "\nloom_dead_letters 0\n"), text
	})
}

func TestMessagesThatNobodyCanReadAreKept(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	js, err := jetstream.New(r.nats.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	task := msg.NewRef(msg.Record, uuid.New(), uuid.New())
	passedOn := nats.NewMsg(msg.UnreadableSubject(msg.TaskSubject(task)))
	passedOn.Data = []byte("\x00\xffnot JSON")
	passedOn.Header.Set(msg.HeaderUnreadable, "invalid character")
	passedOn.Header.Set(msg.HeaderWorker, "worker-1")
	r.eventually("streams are made", func() (bool, string) {
		_, err := js.PublishMsg(t.Context(), passedOn)
		return err == nil, fmt.Sprint(err)
	})
	if _, err := js.Publish(t.Context(), "result.normalize.a.b", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	r.until("both are kept", "select count(*) = 2 from loom.dead_letters")
	var kept []string
	r.scan(&kept, `select array_agg(concat_ws(' ', subject, kind, render_id, error_code, worker, encode(body, 'escape')) order by subject desc) from loom.dead_letters`)
	want := []string{
		fmt.Sprintf(`%s record %s unreadable worker-1 \000\377not JSON`, msg.TaskSubject(task), task.RenderID),
		"result.normalize.a.b normalize unreadable  {}",
	}
	if !slices.Equal(kept, want) {
		t.Errorf("%q, want %q", kept, want)
	}
	r.messages(msg.StreamResults, 0)
}
