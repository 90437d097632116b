package stage

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func TestToldToStopAnAttemptEndsWithoutAResult(t *testing.T) {
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

func TestWithoutAnAnswerForALeasesLengthAnAttemptIsGivenUp(t *testing.T) {
	server, ingest := arrange(t)
	shortLease(ingest)
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) { return msg.HeartbeatReply{}, false })
	causes := make(chan error, 10)
	r := work(t, server, ingest, nil, func(ctx context.Context, _ *Task) (any, error) {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	r.Publish(msg.Record)
	if cause := await(t, causes, "the attempt is cancelled"); !errors.Is(cause, errSilence) {
		t.Errorf("cause %v", cause)
	}
	await(t, r.Grants, "the task was granted")
	await(t, r.Grants, "the message came back and the task was asked for again")
	r.noResult()
}

func TestAnswersRenewTheLease(t *testing.T) {
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

// Ingest may be away while a task ends: what is finished is worth telling, and ingest decides.
func TestAFinishedAttemptIsReportedThoughNobodyAnswered(t *testing.T) {
	server, ingest := arrange(t)
	shortLease(ingest)
	ingest.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) { return msg.HeartbeatReply{}, false })
	r := work(t, server, ingest, nil, func(ctx context.Context, _ *Task) (any, error) {
		<-ctx.Done()
		return nil, nil
	})
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
	r.settled()
}

func TestAnAttemptThatTakesTooLongIsTriedAgain(t *testing.T) {
	server, ingest := arrange(t)
	ingest.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(request, func(g *msg.Grant) { g.Timeout = msg.Duration(50 * time.Millisecond) }), true
	})
	started := make(chan *Task, 1)
	r := work(t, server, ingest, nil, untilCancelled(started))
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Failed || result.Failure.Permanent {
		t.Errorf("%+v", result)
	}
	r.settled()
}
