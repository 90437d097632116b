package stage

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
)

func never(t *testing.T) HandlerFunc {
	t.Helper()
	return func(context.Context, *Task) (any, error) {
		t.Error("worked without a grant")
		return nil, nil
	}
}

func TestADroppedTaskIsForgotten(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnGrant(func(msg.GrantRequest) (msg.GrantReply, bool) {
		return msg.GrantReply{Version: msg.Version, Verdict: msg.Drop, Reason: "done"}, true
	})
	r := work(t, server, ingest, nil, never(t))
	r.Publish(msg.Record)
	r.settled()
	r.noResult()
}

func TestATaskForLaterComesBack(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	var asked atomic.Int32
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		if asked.Add(1) == 1 {
			return msg.GrantReply{Version: msg.Version, Verdict: msg.Later, RetryAfter: msg.Duration(50 * time.Millisecond)}, true
		}
		return stagetest.Granted(r, nil), true
	})
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done {
		t.Errorf("%+v", result)
	}
	if first, second := <-r.Grants, <-r.Grants; first.RequestID == second.RequestID {
		t.Error("a new request carries the old one's id: a lapsed attempt could not be told from it")
	}
	r.settled()
}

// The first answer is lost: asking again with the same id has the same attempt granted.
func TestALostGrantReplyIsAskedForAgainWithTheSameRequest(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	var asked atomic.Int32
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		return stagetest.Granted(r, nil), asked.Add(1) >= 3
	})
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.Publish(msg.Record)
	if result := r.Result(); result.Outcome != msg.Done || result.Attempt != 1 {
		t.Errorf("%+v", result)
	}
	first := <-r.Grants
	for range 2 {
		if again := <-r.Grants; again.RequestID != first.RequestID {
			t.Errorf("request %s was repeated as %s", first.RequestID, again.RequestID)
		}
	}
}

// Ingest may have granted the task and died before it answered. Another request would find the task
// held, by nobody.
func TestARequestThatIngestMayHaveGrantedIsRepeatedWhileIngestIsAway(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnGrant(func(msg.GrantRequest) (msg.GrantReply, bool) { return msg.GrantReply{}, false })
	acks, err := server.Connect(t).SubscribeSync("$JS.ACK." + msg.StreamRecord + ".>")
	if err != nil {
		t.Fatal(err)
	}
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.Publish(msg.Record)
	first := <-r.Grants
	ingest.Deaf()
	// The worker delays redelivery after each request that is not answered.
	for range 2 {
		m, err := acks.NextMsg(stagetest.Patience)
		if err != nil || string(m.Data) != "+WPI" {
			t.Fatalf("the worker gives the message back: %v, %v", m, err)
		}
	}
	back := stagetest.NewIngest(t, server)
	if again := <-back.Grants; again.RequestID != first.RequestID {
		t.Errorf("request %s was followed by %s", first.RequestID, again.RequestID)
	}
	back.Result()
}

func TestWithoutIngestATaskGoesBackAndIsDoneLater(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	r.Until("the worker is ready", func() bool { return r.worker.Ready(t.Context()) == nil })
	ingest.Deaf()
	ref := ingest.Publish(msg.Record)
	r.Until("the message was delivered again", func() bool {
		consumer, err := r.JS.Consumer(t.Context(), msg.StreamRecord, msg.ConsumerRecord)
		return err == nil && consumer.CachedInfo().Delivered.Consumer >= 2
	})
	back := stagetest.NewIngest(t, server)
	if result := back.Result(); result.Outcome != msg.Done || result.TaskID != ref.TaskID {
		t.Errorf("%+v", result)
	}
}

func TestAGrantForAnotherTaskIsRefused(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	var asked atomic.Int32
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		if asked.Add(1) == 1 {
			r.TaskID = r.RenderID
		}
		return stagetest.Granted(r, nil), true
	})
	r := work(t, server, ingest, nil, func(context.Context, *Task) (any, error) { return nil, nil })
	ref := r.Publish(msg.Record)
	if result := r.Result(); result.TaskID != ref.TaskID {
		t.Errorf("worked on %s", result.TaskID)
	}
}

// Its messages are given back at once, so others do the work.
func TestAWorkerThatIsToRestAsksForNothingMeanwhile(t *testing.T) {
	t.Parallel()
	server, ingest := arrange(t)
	ingest.OnGrant(func(r msg.GrantRequest) (msg.GrantReply, bool) {
		if r.Worker == "worker-1" {
			return msg.GrantReply{Version: msg.Version, Verdict: msg.Later, Rest: msg.Duration(time.Hour)}, true
		}
		return stagetest.Granted(r, nil), true
	})
	long := quick
	long.laterMax = time.Hour
	r := work(t, server, ingest, func(c *Config) { c.pace = long }, never(t))
	r.Publish(msg.Record)
	await(t, r.Grants, "it asks")
	work(t, server, ingest, func(c *Config) { c.WorkerID = "worker-2" }, func(context.Context, *Task) (any, error) { return nil, nil })
	for i := range 4 {
		if i > 0 {
			r.Publish(msg.Record)
		}
		if result := r.Result(); result.Outcome != msg.Done || result.Worker != "worker-2" {
			t.Errorf("%+v", result)
		}
		if request := await(t, r.Grants, "the other asks"); request.Worker != "worker-2" {
			t.Errorf("%s has asked", request.Worker)
		}
	}
}

func TestARestIsSharedAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r rest
		began := time.Now()
		r.over(t.Context())
		r.take(2 * time.Second)
		r.take(time.Second) // shorter
		r.over(t.Context())
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("it lasted %s", d)
		}
		r.take(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.over(ctx)
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("it ended after %s", d)
		}
	})
}
