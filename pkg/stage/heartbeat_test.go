package stage

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// three runs three tasks at once until they are cancelled.
func three(t *testing.T, old bool) (r *rig, tasks map[uuid.UUID]bool, stopped <-chan uuid.UUID) {
	t.Helper()
	server, ingest := arrange(t)
	if old {
		ingest.Overlook()
	}
	started, ended := make(chan *Task, 3), make(chan uuid.UUID, 3)
	r = work(t, server, ingest, func(cfg *Config) { cfg.Slots = 3 }, func(ctx context.Context, task *Task) (any, error) {
		started <- task
		<-ctx.Done()
		ended <- task.TaskID
		return nil, context.Cause(ctx)
	})
	tasks = map[uuid.UUID]bool{}
	for range 3 {
		r.Publish(msg.Record)
	}
	for range 3 {
		tasks[await(t, started, "a task starts").TaskID] = true
	}
	return r, tasks, ended
}

// drained has the rest of its tasks stop.
func (r *rig) drained() {
	r.OnHeartbeat(func(msg.Heartbeat) (msg.HeartbeatReply, bool) {
		return msg.HeartbeatReply{Version: msg.Version, Stop: true}, true
	})
}

func TestSlotsSendTheirHeartbeatsInOneMessage(t *testing.T) {
	t.Parallel()
	r, _, stopped := three(t, false)
	defer r.drained()
	var unwanted uuid.UUID
	together := make(chan uuid.UUID, 1)
	r.OnHeartbeat(func(h msg.Heartbeat) (msg.HeartbeatReply, bool) {
		if len(h.Also) == 2 && unwanted == uuid.Nil {
			unwanted = h.Also[1].TaskID
			together <- unwanted
		}
		return msg.HeartbeatReply{Version: msg.Version, Stop: h.TaskID == unwanted}, true
	})
	want := await(t, together, "three heartbeats are in one message")
	if got := await(t, stopped, "the unwanted one stops"); got != want {
		t.Errorf("%s was stopped, want %s", got, want)
	}
	select {
	case got := <-stopped:
		t.Errorf("%s was stopped, too", got)
	default:
	}
}

func TestAnIngestOfAnOlderReleaseHearsOfEachAttempt(t *testing.T) {
	t.Parallel()
	r, tasks, _ := three(t, true)
	defer r.drained()
	heard, more := map[uuid.UUID]int{}, 0
	for range 30 {
		if h := await(t, r.Heartbeats, "a heartbeat comes"); len(h.Also) == 0 {
			heard[h.TaskID]++
		} else {
			more++
		}
	}
	if len(heard) != len(tasks) {
		t.Errorf("%d attempts are heard by themselves, want %d", len(heard), len(tasks))
	}
	// It does not see what they took along. They may be under way when the first one is answered.
	if more > len(tasks) {
		t.Errorf("%d heartbeats took others along", more)
	}
}
