package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// scenes returns a campaign of a user's with n scenes.
func scenes(user uuid.UUID, n int) campaign {
	c := campaign{user: user, width: 640, height: 360, fps: 30}
	for i := range n {
		c.scenes = append(c.scenes, scene{fmt.Sprintf("https://example.com/%d", i), 1, i})
	}
	return c
}

// recorder is a worker that begins with the next scene when it is let.
type recorder struct {
	begun  chan uuid.UUID // renders whose scenes it begins with
	finish chan struct{}
}

func (r *rig) recorder() *recorder {
	c := &recorder{make(chan uuid.UUID), make(chan struct{})}
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind != msg.Record {
			return msg.Result{Outcome: msg.Done}
		}
		for _, wait := range []func() error{
			func() error {
				select {
				case c.begun <- g.RenderID:
				case <-ctx.Done():
				}
				return ctx.Err()
			},
			func() error {
				select {
				case <-c.finish:
				case <-ctx.Done():
				}
				return ctx.Err()
			},
		} {
			if wait() != nil {
				return msg.Result{}
			}
		}
		return msg.Result{Outcome: msg.Done}
	})
	return c
}

// next finishes a scene and returns whose scenes follow, n of them.
func (c *recorder) next(n int) (renders []uuid.UUID) {
	for range n {
		c.finish <- struct{}{}
		renders = append(renders, <-c.begun)
	}
	return renders
}

func TestARenderOfManyScenesDelaysAnotherByTwoAtMost(t *testing.T) {
	me := uuid.New()
	for name, other := range map[string]uuid.UUID{"another user's": uuid.New(), "the same user's": me} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.ingest(nil)
			c := r.recorder()
			long := r.submit(scenes(me, 20))
			if first := <-c.begun; first != long {
				t.Fatalf("a scene of %s is recorded", first)
			}
			_ = c.next(3)
			short := r.submit(scenes(other, 1))
			r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", short)
			if order := c.next(2); !slices.Contains(order, short) {
				t.Errorf("two more scenes of another render are recorded before the only one: %v", order)
			}
		})
	}
}

func TestAScenesTurnComesByPriority(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	c := r.recorder()
	low := r.submit(scenes(uuid.New(), 10))
	<-c.begun
	high := r.submit(scenes(uuid.New(), 10))
	r.until("it is planned", "select exists (select from loom.plans where render_id = $1)", high)
	r.exec("update loom.plans set priority = 5 where render_id = $1", high)
	order := c.next(6)
	if slices.Contains(order[2:], low) {
		t.Errorf("the render of priority 0, %s, has its turn before that of 5: %v", low, order)
	}
}

func TestTasksWaitInTheDatabaseWhereTheirTurnCanChange(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	js, err := jetstream.New(r.nats.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	messages := func(want uint64) {
		t.Helper()
		var n uint64
		r.eventually("so many scenes are in the stream", func() (bool, string) {
			if s, err := js.Stream(t.Context(), msg.StreamRecord); err == nil {
				n = s.CachedInfo().State.Msgs
			}
			return n == want, fmt.Sprintf("%d, want %d", n, want)
		})
	}
	r.submit(scenes(uuid.New(), 20))
	r.until("it is planned", "select exists (select from loom.plans)")
	messages(1)
	c := r.recorder()
	<-c.begun
	messages(2) // the one that is being recorded, and one more for one slot
	_ = c.next(3)
	messages(2)
}
