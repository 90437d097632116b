package stage

import (
	"context"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestADrainLetsARunningTaskFinishAndPullsNoMore(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	started, finish := make(chan *Task, 1), make(chan struct{})
	r := work(t, server, ingest, nil, func(ctx context.Context, task *Task) (any, error) {
		started <- task
		select {
		case <-finish:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	r.Publish(msg.Record)
	await(t, started, "the task starts")
	r.drain()
	r.Publish(msg.Record)
	close(finish)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
	await(t, r.ended, "the worker ends")
	if n := r.Waiting(msg.StreamRecord); n != 1 || len(started) != 0 {
		t.Errorf("%d messages are left for other workers, want 1", n)
	}
}

func TestPastTheDrainTimeATaskIsHandedBack(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	started := make(chan *Task, 1)
	r := work(t, server, ingest, func(c *Config) { c.Drain = 50 * time.Millisecond }, untilCancelled(started))
	r.Publish(msg.Record)
	await(t, started, "the task starts")
	r.drain()
	if result := r.Result(); result.Outcome != msg.HandedBack || result.Failure != nil || result.Reason == "" {
		t.Errorf("%+v", result)
	}
	await(t, r.ended, "the worker ends")
	r.settled()
}

func TestAnIdleWorkerEndsAtOnce(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, never(t))
	r.Until("the worker is ready", func() bool { return r.worker.Ready(t.Context()) == nil })
	r.drain()
	await(t, r.ended, "the worker ends")
	if left, err := r.JS.Consumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord); err != nil || left.CachedInfo().NumAckPending != 0 {
		t.Errorf("messages are held by a worker that ended: %v", err)
	}
}

func TestAWorkerWithoutNATSEndsWhenTold(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, never(t))
	r.Until("the worker is ready", func() bool { return r.worker.Ready(t.Context()) == nil })
	server.Stop()
	r.drain()
	await(t, r.ended, "the worker ends")
	server.Start()
}

// A grant that arrives while the worker stops is handed back, so that nobody waits for its lease to
// lapse.
func TestAGrantDuringADrainIsHandedBack(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		asked <- struct{}{}
		<-answer
		return stagetest.Granted(r, nil), true
	})
	r := work(t, server, ingest, nil, never(t))
	r.Publish(msg.Record)
	await(t, asked, "the task is asked for")
	r.drain()
	close(answer)
	if result := r.Result(); result.Outcome != msg.HandedBack {
		t.Errorf("%+v", result)
	}
	await(t, r.ended, "the worker ends")
}
