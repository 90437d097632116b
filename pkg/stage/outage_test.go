package stage

import (
	"context"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func instant(context.Context, *Task) (any, error) { return nil, nil }

func TestAWorkerWaitsForAConsumerThatDoesNotExistYet(t *testing.T) {
	t.Parallel()
	server := stagetest.StartNATS(t)
	ingest := stagetest.NewIngest(t, server)
	r := work(t, server, ingest, nil, instant)
	r.Until("the worker looked in vain", func() bool { return r.worker.puller.state.Load() == away })
	r.MakeStreams()
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
}

func TestAWorkerStartsBeforeNATSDoes(t *testing.T) {
	t.Parallel()
	server := stagetest.StartNATS(t)
	server.Stop()
	r := work(t, server, nil, nil, instant)
	server.Start()
	r.Ingest = stagetest.NewIngest(t, server)
	r.MakeStreams()
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
}

func TestAfterAWipeAWorkerBindsAgain(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, instant)
	r.Publish(msg.Record)
	r.Result()
	server.Wipe()
	r.MakeStreams()
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
}

func TestAConsumerThatWasDeletedIsBoundAgain(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, instant)
	r.Until("the worker is ready", func() bool { return r.worker.Ready(t.Context()) == nil })
	if err := r.JS.DeleteConsumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord); err != nil {
		t.Fatal(err)
	}
	r.MakeStreams()
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
}

func TestATaskOutlivesARestartOfNATS(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	started, finish := make(chan *Task, 1), make(chan struct{})
	r := work(t, server, ingest, nil, func(_ context.Context, task *Task) (any, error) {
		started <- task
		<-finish
		return nil, nil
	})
	ref := r.Publish(msg.Record)
	await(t, started, "the task starts")
	server.Stop()
	close(finish)
	server.Start()
	r.Flush()
	if result := r.Result(); result.Outcome != msg.Done || result.TaskID != ref.TaskID {
		t.Errorf("%+v", result)
	}
	r.settled()
}

// NATS is away for good, so nothing but the drain's end can free the worker.
func TestAWorkerEndsThoughItsResultCannotBeDelivered(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	started := make(chan *Task, 1)
	r := work(t, server, ingest, func(c *Config) { c.Drain, c.pace.farewell = 50*time.Millisecond, 50*time.Millisecond },
		func(ctx context.Context, task *Task) (any, error) {
			started <- task
			<-ctx.Done()
			return nil, nil
		})
	r.Publish(msg.Record)
	await(t, started, "the task starts")
	server.Stop()
	r.drain()
	await(t, r.ended, "the worker ends")
	server.Start()
}

func TestAFinishedAttemptHearsAfterASilenceThatItIsNotWanted(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	over := silence(ingest)
	if err := ingest.JS.DeleteStream(t.Context(), msg.StreamResults); err != nil {
		t.Fatal(err)
	}
	r := work(t, server, ingest, nil, instant)
	r.Publish(msg.Record)
	await(t, over, "a lease ran out unanswered")
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		return msg.HeartbeatReply{Version: msg.Version, Stop: true, Reason: "superseded"}, true
	})
	r.settled()
}
