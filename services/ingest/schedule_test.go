package ingest_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestAWipedStoreLosesNothing(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	recording, wiped := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		// One recording runs during the wipe; the message of the other is lost with the store.
		once.Do(func() { close(recording) })
		select {
		case <-wiped:
		case <-ctx.Done():
		}
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(withFacecam)
	<-recording
	r.nats.Wipe()
	close(wiped)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestTwoIngestsMakeEachRenderOnce(t *testing.T) {
	r := newRig(t)
	r.history()
	r.ingest(nil)
	r.ingest(nil)
	r.work("worker-1", nil)
	r.work("worker-2", nil)
	var renders []uuid.UUID
	for range 6 {
		renders = append(renders, r.submit(small))
	}
	for _, render := range renders {
		if o := r.ended(render); o != (outcome{status: "done", progress: 100, job: "completed"}) {
			t.Errorf("a render ended as %+v", o)
		}
		r.forward(render)
	}
	var plans, attempts, tasks int
	r.scan(&plans, "select count(*) from loom.plans")
	r.scan(&tasks, "select count(*) from loom.tasks where state = 'done'")
	r.scan(&attempts, "select count(*) from loom.attempts")
	if plans != 6 || tasks != 36 || attempts != 36 {
		t.Errorf("%d plans, %d tasks done, %d attempts; want 6, 36, 36", plans, tasks, attempts)
	}
}

func TestAReplicaThatStopsIsNotMissed(t *testing.T) {
	r := newRig(t)
	first := r.ingest(nil)
	r.ingest(nil)
	recording, stopped := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		once.Do(func() { close(recording) })
		<-stopped
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	<-recording
	if err := first.stop(); err != nil {
		t.Error(err)
	}
	close(stopped)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestAResultThatIsRepeatedChangesNothing(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	var w *worker
	ready := make(chan struct{})
	w = r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		<-ready
		result := msg.Result{Ref: g.Ref, Attempt: g.Attempt, Worker: "worker", Outcome: msg.Done, Facts: json.RawMessage(`{"frames": 1}`)}
		if g.Kind != msg.Upload {
			_ = w.report(ctx, result)
			_ = w.report(ctx, result)
		}
		return msg.Result{Outcome: msg.Done}
	})
	close(ready)
	render := r.submit(small)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	js, err := jetstream.New(r.nats.Connect(r.t))
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("all results are settled", func() (bool, string) {
		s, err := js.Stream(t.Context(), msg.StreamResults)
		if err != nil {
			return false, err.Error()
		}
		return s.CachedInfo().State.Msgs == 0, ""
	})
	var attempts int
	r.scan(&attempts, "select count(*) from loom.attempts")
	if attempts != 6 {
		t.Errorf("%d attempts, want 6", attempts)
	}
}

func TestUnreadableResultsDoNotStopTheOthers(t *testing.T) {
	r := newRig(t)
	p := r.ingest(nil)
	js, err := jetstream.New(r.nats.Connect(r.t))
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("streams are made", func() (bool, string) {
		_, err := js.Publish(t.Context(), "result.record.a.b", []byte("not JSON"))
		return err == nil, ""
	})
	foreign := msg.NewRef(msg.Record, uuid.New(), uuid.New())
	if _, err := js.Publish(t.Context(), msg.ResultSubject(foreign), []byte(`{"v": 99}`)); err != nil {
		t.Fatal(err)
	}
	r.work("worker", nil)
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	r.eventually("both are counted", func() (bool, string) {
		text := p.metrics(t)
		return strings.Contains(text, `loom_results_total{outcome="malformed"} 1`) &&
			strings.Contains(text, `loom_results_total{outcome="unknown_version"}`), text
	})
}

func TestARenderThatTheAppCancelsStopsItsWorkers(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	r.ingest(nil)
	var working, stopped atomic.Int64
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		working.Add(1)
		<-ctx.Done()
		stopped.Add(1)
		return msg.Result{}
	})
	cancels, err := r.nats.Connect(r.t).SubscribeSync(msg.AllCancels)
	if err != nil {
		t.Fatal(err)
	}
	render := r.submit(small)
	r.eventually("a scene is being recorded", func() (bool, string) { return working.Load() > 0, "" })
	r.exec("update renders set status = 'cancelled' where id = $1", render)
	r.until("its plan is closed", "select ended_at is not null and outcome = 'cancelled' from loom.plans where render_id = $1", render)
	r.eventually("its worker was told to stop", func() (bool, string) { return stopped.Load() == working.Load(), "" })
	if o := r.outcome(render); o.status != "cancelled" || o.job != "cancelled" {
		t.Errorf("the render is %+v", o)
	}
	m, err := cancels.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if cancel, err := msg.Decode[msg.Cancel](m.Data); err != nil || cancel.RenderID != render {
		t.Errorf("broadcast %s, %v", m.Data, err)
	}
	js, err := jetstream.New(r.nats.Connect(r.t))
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("no token of it is left", func() (bool, string) {
		s, err := js.Stream(t.Context(), msg.StreamRecord)
		return err == nil && s.CachedInfo().State.Msgs == 0, ""
	})
}

func TestADeletedRenderIsForgotten(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	var stopped atomic.Bool
	started := make(chan struct{}, 2)
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		started <- struct{}{}
		<-ctx.Done()
		stopped.Store(true)
		return msg.Result{}
	})
	render := r.submit(small)
	<-started
	r.exec("delete from renders where id = $1", render)
	r.eventually("its worker was told to stop", func() (bool, string) { return stopped.Load(), "" })
	r.until("its objects are to be swept", "select exists (select from loom.leftovers where render_id = $1)", render)
}

func TestWatchersLearnWhatHappens(t *testing.T) {
	r := newRig(t)
	replicas := []*replica{r.ingest(nil), r.ingest(nil)}
	r.work("worker", nil)
	cancels, err := r.nats.Connect(r.t).SubscribeSync(msg.AllCancels)
	if err != nil {
		t.Fatal(err)
	}
	render := r.submit(small)
	if o := r.ended(render); o.status != "done" {
		t.Fatalf("the render ended as %+v", o)
	}
	js, err := jetstream.New(r.nats.Connect(r.t))
	if err != nil {
		t.Fatal(err)
	}
	var events []msg.Event
	r.eventually("its end is told", func() (bool, string) {
		consumer, err := js.OrderedConsumer(t.Context(), msg.StreamEvents, jetstream.OrderedConsumerConfig{
			FilterSubjects: []string{"event." + render.String() + ".*"},
		})
		if err != nil {
			return false, err.Error()
		}
		batch, err := consumer.FetchNoWait(100)
		if err != nil {
			return false, err.Error()
		}
		events = nil
		for m := range batch.Messages() {
			event, err := msg.Decode[msg.Event](m.Data())
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, event)
		}
		return len(events) > 0 && events[len(events)-1].What == msg.EventEnded, ""
	})
	if events[0].What != msg.EventPlanned {
		t.Errorf("the first event is %+v of %+v", events[0], events)
	}
	counts := map[msg.EventKind]int{}
	for _, e := range events {
		counts[e.What]++
	}
	if counts[msg.EventPlanned] != 1 || counts[msg.EventEnded] != 1 {
		t.Errorf("two replicas told %v", counts)
	}
	if end := events[len(events)-1]; end.Status != "done" || end.Progress != 100 {
		t.Errorf("the end is %+v", end)
	}
	// Each replica tells workers of a render that is cancelled, and neither of one that is done.
	r.exec("select loom.pause_kinds('{record}')")
	second, told := r.submit(small), map[uuid.UUID]int{}
	r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", second)
	r.exec("update renders set cancel_requested = true where id = $1", second)
	for told[second] < 2 {
		m, err := cancels.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		cancel, err := msg.Decode[msg.Cancel](m.Data)
		if err != nil {
			t.Fatal(err)
		}
		told[cancel.RenderID]++
	}
	if told[render] > 0 {
		t.Errorf("workers are told %d times of a render that is done", told[render])
	}
	// Both replicas saw it end. The one counts it whose event was the first in its stream.
	ended := 0
	r.eventually("ends are counted", func() (bool, string) {
		ended = 0
		for _, p := range replicas {
			_, after, _ := strings.Cut(p.metrics(t), `loom_renders_ended_total{status="done"} `)
			n, _, _ := strings.Cut(after, "\n")
			count, err := strconv.Atoi(n)
			if err != nil {
				return false, err.Error()
			}
			ended += count
		}
		return ended > 0, ""
	})
	if ended > 1 {
		t.Errorf("%d renders are counted, and one is done", ended)
	}
}
