package ingest_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A worker sends the heartbeats of its slots in one message.
func TestOneMessageRenewsTheLeasesOfManySlots(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	grants, goOn := make(chan msg.Grant, 2), make(chan struct{})
	for range 2 {
		r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
			if g.Kind == msg.Record {
				grants <- g
				select {
				case <-goOn:
				case <-ctx.Done():
				}
			}
			return msg.Result{Outcome: msg.Done}
		})
	}
	two := small
	two.scenes = small.scenes[:2]
	render := r.submit(two)
	one, other := <-grants, <-grants
	gone := msg.NewRef(msg.Record, uuid.New(), uuid.New())
	data, err := msg.Encode(msg.Heartbeat{Ref: one.Ref, Attempt: one.Attempt, Worker: "worker", Progress: 0.5, Also: []msg.Heartbeat{
		{Ref: other.Ref, Attempt: other.Attempt, Worker: "worker", Progress: 0.75}, {Ref: gone, Attempt: 1, Worker: "worker"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.nats.Connect(t).RequestWithContext(t.Context(), msg.HeartbeatSubject(one.Ref), data)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := msg.Decode[msg.HeartbeatReply](answer.Data)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Also) != 2 || reply.Stop || reply.Also[0].Stop || !reply.Also[1].Stop {
		t.Errorf("the answer is %+v", reply)
	}
	var progress float64
	r.scan(&progress, "select progress from loom.tasks where id = $1::text::uuid", other.TaskID.String())
	if progress != 0.75 {
		t.Errorf("the other slot's progress is %v", progress)
	}
	close(goOn)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
}
