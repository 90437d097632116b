package ingest_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

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
			r.exec(end, render)
			r.messages(msg.StreamRecord, 0)
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
