package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A replica dies with a result in hand, or Postgres is away when one is read: the message comes
// again later. Its worker has finished and sends no more heartbeats, so its lease runs out.
func TestAnAttemptWhoseResultWaitsInItsStreamKeepsItsTask(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	first := r.ingest(nil)
	recording, finish := make(chan string, 2), make(chan struct{})
	do := func(name string, end <-chan struct{}) func(context.Context, msg.Grant) msg.Result {
		return func(ctx context.Context, g msg.Grant) msg.Result {
			if g.Kind != msg.Record {
				return msg.Result{Outcome: msg.Done}
			}
			recording <- name
			select {
			case <-end:
				return msg.Result{Outcome: msg.Done}
			case <-ctx.Done():
				return msg.Result{}
			}
		}
	}
	finishing := r.work("finishes", do("finishes", finish))
	dying := r.work("dies", do("dies", nil))
	render := r.submit(small)
	<-recording
	<-recording
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	close(finish)
	dying.vanish()
	result := r.takeResult()

	r.exec("update loom.tasks set lease_until = clock_timestamp() - interval '1 second' where state = 'running'")
	r.ingest(nil)
	other := r.work("other", nil)
	r.until("the task of the worker that died has lapsed", "select exists (select from loom.attempts where attempt = 2)")
	reply, err := other.ask(t.Context(), finishing.grants()[0].Ref)
	if err != nil || reply.Verdict != msg.Later {
		t.Errorf("the task whose result waits: %+v, %v, want %q", reply, err, msg.Later)
	}
	if err := result.Nak(); err != nil {
		t.Fatal(err)
	}
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	var attempts, failures int
	r.scan(&attempts, "select attempt from loom.tasks where id = $1", finishing.grants()[0].TaskID)
	r.scan(&failures, "select failures from loom.tasks where id = $1", finishing.grants()[0].TaskID)
	if attempts != 1 || failures != 0 {
		t.Errorf("the task was tried %d times and charged %d failures", attempts, failures)
	}
}

// takeResult receives the next result as a replica of ingest does, and holds it until the test
// gives it back.
func (r *rig) takeResult() jetstream.Msg {
	r.t.Helper()
	js, err := jetstream.New(r.nats.Connect(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	consumer, err := js.Consumer(r.t.Context(), msg.StreamResults, msg.ConsumerConduct)
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.t.Cleanup(stop)
	go func() {
		for ticker := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				ticker.Stop()
				return
			case <-ticker.C:
				_ = m.InProgress() // after it was given back, this changes nothing
			}
		}
	}()
	return m
}
