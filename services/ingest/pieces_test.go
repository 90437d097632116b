package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A piece of a scene is normalized while the scene is still being recorded, and again when its
// recording fails.
func TestAPieceIsNormalizedWhileItsSceneIsRecorded(t *testing.T) {
	r := newRig(t)
	r.history()
	r.ingest(nil)
	normalized := make(chan string, 10)
	var w *worker
	ready := make(chan struct{})
	w = r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		<-ready
		switch g.Kind {
		case msg.Normalize:
			normalized <- g.Inputs[msg.Mezzanine].Key
		case msg.Record:
			for { // until it is answered
				if _, err := w.sendHeartbeat(ctx, g, msg.PieceName(0)); err == nil {
					break
				}
				if ctx.Err() != nil {
					return msg.Result{}
				}
			}
			select {
			case <-normalized:
			case <-ctx.Done():
				return msg.Result{}
			}
			if g.Attempt == 1 {
				return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeSceneTimeout, Message: "It took too long."}}
			}
		}
		return msg.Result{Outcome: msg.Done}
	})
	close(ready)
	render := r.submit(campaign{fps: 30, scenes: []scene{{"https://example.com/one", 4, 1}}})
	if o := r.ended(render); o != (outcome{status: "done", progress: 100, job: "completed"}) {
		t.Errorf("the render ended as %+v", o)
	}
	r.forward(render)
	var read []string
	for _, g := range w.grants() {
		if g.Kind == msg.Normalize {
			_, attempt, _ := strings.Cut(g.Inputs[msg.Mezzanine].Key, "/a")
			read = append(read, attempt)
		}
	}
	if want := []string{"1/mezzanine-0000.mov", "2/mezzanine-0000.mov", "2/mezzanine-0001.mov"}; !slices.Equal(read, want) {
		t.Errorf("normalized were %v, want %v", read, want)
	}
}

// All segments that the plan cuts a scene of one minute into are worked on at once.
func TestAMinutesSceneIsWorkedOnByManyAtOnce(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	const workers, segments = 16, 15 // one records
	arrived, all := make(chan struct{}, segments), make(chan struct{})
	go func() {
		for range segments {
			<-arrived
		}
		close(all)
	}()
	var team []*worker
	ready := make(chan struct{})
	for i := range workers {
		team = append(team, r.work(fmt.Sprintf("worker-%d", i), func(ctx context.Context, g msg.Grant) msg.Result {
			<-ready
			switch g.Kind {
			case msg.Normalize:
				arrived <- struct{}{}
				select { // nobody ends before all have begun
				case <-all:
				case <-ctx.Done():
					return msg.Result{}
				}
			case msg.Record:
				var stored []string // the last piece goes with the result
				for piece := range segments - 1 {
					stored = append(stored, msg.PieceName(piece))
				}
				for { // until it is answered
					if _, err := team[i].sendHeartbeat(ctx, g, stored...); err == nil {
						break
					}
					if ctx.Err() != nil {
						return msg.Result{}
					}
				}
			}
			return msg.Result{Outcome: msg.Done}
		}))
	}
	close(ready)
	render := r.submit(campaign{fps: 60, scenes: []scene{{"https://example.com/one", 60, 1}}})
	if o := r.ended(render); o != (outcome{status: "done", progress: 100, job: "completed"}) {
		t.Errorf("the render ended as %+v", o)
	}
	normalized := 0
	for _, w := range team {
		for _, g := range w.grants() {
			if g.Kind == msg.Normalize {
				normalized++
			}
		}
	}
	if normalized != segments {
		t.Errorf("%d segments were normalized, want each of %d once", normalized, segments)
	}
}
