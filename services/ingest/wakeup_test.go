package ingest_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// one is a render with a single scene.
var one = campaign{width: 640, height: 360, fps: 30, scenes: small.scenes[:1]}

// inFlight is a render whose scene one worker records, and a second render whose two scenes others
// record. The messages were delivered in this order. A recording goes on until it is stopped,
// fails, or its worker vanishes.
type inFlight struct {
	*rig
	first, second uuid.UUID
	// holder has the first's recording.
	holder *worker
	// failing fails one of the second's recordings for good.
	failing chan struct{}
	// release lets the workers that were told to stop end.
	release func()
}

func twoInFlight(r *rig) *inFlight {
	r.t.Helper()
	released := make(chan struct{})
	f := &inFlight{rig: r, failing: make(chan struct{}), release: sync.OnceFunc(func() { close(released) })}
	recording := make(chan *worker, 10)
	start := func(name string) {
		var w *worker
		ready := make(chan struct{})
		w = r.work(name, func(ctx context.Context, g msg.Grant) msg.Result {
			if g.Kind != msg.Record || g.Attempt > 1 || g.RenderID != f.first && g.RenderID != f.second {
				return msg.Result{Outcome: msg.Done}
			}
			<-ready
			recording <- w
			mine := f.failing
			if g.RenderID == f.first {
				mine = nil
			}
			select {
			case <-ctx.Done():
				<-released
				return msg.Result{Outcome: msg.Done} // acknowledged, but not reported
			case <-mine:
				return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeSceneStatus, Message: "404", Permanent: true}}
			}
		})
		close(ready)
	}
	f.first, f.second = r.submit(one), uuid.New()
	start("worker-1")
	f.holder = <-recording
	f.second = r.submit(scenes(uuid.New(), 5)) // some of which are queued
	start("worker-2")
	start("worker-3")
	<-recording
	<-recording
	r.t.Cleanup(f.release)
	return f
}

func TestARenderThatEndsLeavesTheOthersTheirWakeUps(t *testing.T) {
	for name, end := range map[string]func(*inFlight){
		"cancelled": func(f *inFlight) { f.exec("update renders set status = 'cancelled' where id = $1", f.second) },
		"deleted":   func(f *inFlight) { f.exec("delete from renders where id = $1", f.second) },
		"failed":    func(f *inFlight) { f.failing <- struct{}{} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.lease = brief
			var log lines
			r.ingest(func(c *ingest.Config) { c.Log = zerolog.New(&log) })
			f := twoInFlight(r)
			end(f)
			// Its workers stop slowly: their messages are in flight when ingest sees the end.
			r.eventually("ingest has seen the end", func() (bool, string) {
				if name == "deleted" {
					return strings.Contains(log.String(), "worker told to stop"), ""
				}
				return strings.Contains(log.String(), "render ended"), ""
			})
			f.release()
			// Messages of a third render are acknowledged meanwhile.
			if o := r.ended(r.submit(one)); o.status != "done" {
				t.Errorf("the third ended as %+v", o)
			}
			f.holder.vanish()
			if o := r.ended(f.first); o.status != "done" {
				t.Errorf("the first ended as %+v", o)
			}
		})
	}
}
