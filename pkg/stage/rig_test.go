package stage

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

// rig is a worker that runs, the ingest that it works for, and the server between them.
type rig struct {
	*stagetest.Ingest
	t      *testing.T
	server *stagetest.NATS
	worker *Worker
	// drain cancels the worker's context; ended is closed when Run has returned.
	drain context.CancelFunc
	ended chan struct{}
}

// quick is a worker's patience in tests.
var quick = pace{
	bind: 10 * time.Millisecond, bindMax: 50 * time.Millisecond, request: 500 * time.Millisecond, requests: 20,
	again: 50 * time.Millisecond, foreign: 50 * time.Millisecond, laterMax: time.Second,
	silence: 500 * time.Millisecond, publish: 20 * time.Millisecond, farewell: 2 * time.Second,
}

// arrange returns a server and an ingest whose streams are there.
func arrange(t *testing.T) (*stagetest.NATS, *stagetest.Ingest) {
	t.Helper()
	server := stagetest.StartNATS(t)
	ingest := stagetest.NewIngest(t, server)
	ingest.MakeStreams()
	return server, ingest
}

// work starts a worker for record tasks that ends with t.
func work(t *testing.T, server *stagetest.NATS, ingest *stagetest.Ingest, change func(*Config), handler HandlerFunc) *rig {
	t.Helper()
	return workOn(t, server, server.Connect(t), ingest, change, handler)
}

// workOn is work with a connection of the caller's.
func workOn(
	t *testing.T, server *stagetest.NATS, nc *nats.Conn, ingest *stagetest.Ingest, change func(*Config), handler HandlerFunc,
) *rig {
	t.Helper()
	cfg := Config{
		Verb: msg.ConsumerRecord, Handlers: map[msg.Kind]Handler{msg.Record: handler}, Slots: 1, WorkerID: "worker-1",
		Drain: stagetest.Patience, WorkDir: t.TempDir(), Log: zerolog.New(zerolog.NewTestWriter(t)), pace: quick,
	}
	if change != nil {
		change(&cfg)
	}
	worker, err := New(nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{Ingest: ingest, t: t, server: server, worker: worker, drain: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		if err := worker.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		await(t, r.ended, "the worker ends")
	})
	return r
}

// await receives from c, within bounds.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(stagetest.Patience):
		t.Fatalf("waited in vain until %s", what)
		panic("unreachable")
	}
}

// settled waits until the stage's stream is empty.
func (r *rig) settled() {
	r.t.Helper()
	r.Until("the message is acknowledged", func() bool { return r.Waiting(msg.StreamRecord) == 0 })
}

func (r *rig) noResult() {
	r.t.Helper()
	if n := r.Waiting(msg.StreamResults); n != 0 {
		r.t.Errorf("%d results were published, want none", n)
	}
}

// untilCancelled is a handler that works until it is stopped. It returns its context's error.
func untilCancelled(started chan<- *Task) HandlerFunc {
	return func(ctx context.Context, t *Task) (any, error) {
		started <- t
		<-ctx.Done()
		return nil, ctx.Err()
	}
}
