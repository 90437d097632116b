package stage

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestToldToStopAnAttemptEndsWithoutAResult(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		return msg.HeartbeatReply{Version: msg.Version, Stop: true, Reason: "superseded"}, true
	})
	started := make(chan *Task, 1)
	r := work(t, server, ingest, nil, untilCancelled(started))
	r.Publish(msg.Record)
	await(t, started, "the task starts")
	r.settled()
	r.noResult()
}

// Even one that finished: its result would be refused.
func TestToldToStopAFinishedAttemptReportsNothing(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		return msg.HeartbeatReply{Version: msg.Version, Stop: true}, true
	})
	r := work(t, server, ingest, nil, func(ctx context.Context, _ *Task) (any, error) {
		<-ctx.Done()
		return nil, nil
	})
	r.Publish(msg.Record)
	r.settled()
	r.noResult()
}

func TestABroadcastCancelStopsTheRendersTasksAndNoOthers(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	finish := make(chan struct{})
	started, stopped := make(chan *Task, 2), make(chan *Task, 2)
	r := work(t, server, ingest, func(c *Config) { c.Slots = 2 }, func(ctx context.Context, task *Task) (any, error) {
		started <- task
		select {
		case <-ctx.Done():
			stopped <- task
			return nil, ctx.Err()
		case <-finish:
			return nil, nil
		}
	})
	r.Publish(msg.Record)
	r.Publish(msg.Record)
	one, other := await(t, started, "a task starts"), await(t, started, "another task starts")
	r.Cancel(one.RenderID)
	if task := await(t, stopped, "the cancelled task stops"); task.TaskID != one.TaskID {
		t.Error("the other render's task was stopped")
	}
	close(finish)
	if result := r.Result(); result.TaskID != other.TaskID || result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
	r.settled()
	r.noResult()
}

// shortLease makes every grant's lease so short that a test can wait for its end.
func shortLease(ingest *stagetest.Ingest) {
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(r, func(g *msg.Grant) {
			g.Lease, g.HeartbeatEvery = msg.Duration(300*time.Millisecond), msg.Duration(50*time.Millisecond)
		}), true
	})
}

// silence has nobody answer heartbeats, and returns what ends when a worker has asked in vain for
// three leases' length.
func silence(ingest *stagetest.Ingest) (over <-chan struct{}) {
	shortLease(ingest)
	ended := make(chan struct{})
	var first time.Time
	var once sync.Once
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		if first.IsZero() {
			first = time.Now()
		} else if time.Since(first) > 900*time.Millisecond {
			once.Do(func() { close(ended) })
		}
		return msg.HeartbeatReply{}, false
	})
	return ended
}

// Ingest may be away, or stand still, for longer than a lease: nobody grants the task to another
// meanwhile.
func TestThoughNobodyAnswersAnAttemptGoesOnAndIsReported(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	over := silence(ingest)
	r := work(t, server, ingest, nil, func(ctx context.Context, _ *Task) (any, error) {
		select {
		case <-over:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	})
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v %+v", result, result.Failure)
	}
	r.settled()
}

func TestAfterASilenceAnAttemptHearsThatItIsNotWanted(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	over := silence(ingest)
	started := make(chan *Task, 1)
	r := work(t, server, ingest, nil, untilCancelled(started))
	r.Publish(msg.Record)
	await(t, started, "the task starts")
	await(t, over, "a lease ran out unanswered")
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		return msg.HeartbeatReply{Version: msg.Version, Stop: true, Reason: "superseded"}, true
	})
	r.settled()
	r.noResult()
}

func TestAnswersRenewTheLease(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	shortLease(ingest)
	r := work(t, server, ingest, nil, func(ctx context.Context, _ *Task) (any, error) {
		for range 20 { // three leases' worth of heartbeats, and more
			select {
			case <-ingest.Heartbeats:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		return nil, nil
	})
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v %+v", result, result.Failure)
	}
}

func TestWhatIsAnnouncedIsToldAtOnceAndWithEveryHeartbeat(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(r, func(g *msg.Grant) { g.Lease, g.HeartbeatEvery = msg.Duration(time.Hour), msg.Duration(time.Hour) }), true
	})
	var told [][]string
	r := work(t, server, ingest, nil, func(ctx context.Context, task *Task) (any, error) {
		for _, name := range []string{"first", "second"} {
			task.Announce(name)
			select {
			case beat := <-ingest.Heartbeats:
				told = append(told, beat.Stored)
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		return nil, nil
	})
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v %+v", result, result.Failure)
	}
	if want := [][]string{{"first"}, {"first", "second"}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

func TestAnAttemptThatTakesTooLongIsTriedAgain(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(request, func(g *msg.Grant) { g.Timeout = msg.Duration(50 * time.Millisecond) }), true
	})
	started := make(chan *Task, 1)
	r := work(t, server, ingest, nil, untilCancelled(started))
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Failed || result.Failure.Permanent || result.Failure.Code != msg.CodeTaskTimeout {
		t.Errorf("%+v", result)
	}
	r.settled()
}
