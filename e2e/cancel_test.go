package e2e

import (
	"context"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestACancelledRenderStops(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	c, hold := held(t, p, 1)
	// More scenes than the one recorder can work on: their messages wait.
	c.Scenes = append(c.Scenes, c.Scenes[0], c.Scenes[0])
	id := p.Submit(t, c)
	hold.Await(t, 1)
	chrome := p.Services("recorder")[0].Children()
	if len(chrome) == 0 {
		t.Error("the recorder has no Chrome")
	}
	if _, err := p.DB.Exec(context.Background(), `update renders set status = 'cancelled' where id = $1`, id); err != nil {
		t.Fatal(err)
	}
	// Nothing is released: no request is held any more because the recorder has been told to stop.
	hold.AwaitNone(t)
	rig.AwaitEnd(t, chrome)
	rig.Eventually(t, "the job is closed", func() bool {
		r, err := p.Look(id)
		return err == nil && slices.Equal(r.JobStates, []string{"cancelled"})
	})
	open := rig.Value[int](t, p.App, `select count(*) from loom.tasks where render_id = $1 and state <> 'cancelled'`, id)
	if open != 0 {
		t.Errorf("%d tasks are not cancelled", open)
	}
	withJetStream(t, p, func(js jetstream.JetStream) error {
		stream, err := js.Stream(context.Background(), msg.StreamRecord)
		if err != nil {
			return err
		}
		rig.Eventually(t, "no message is left", func() bool {
			info, err := stream.Info(context.Background())
			return err == nil && info.State.Msgs == 0
		})
		return nil
	})
	r := p.Await(t, id)
	if r.Status != "cancelled" || r.VideoURL != "" {
		t.Errorf("the render is %+v", r)
	}
	attempts := len(p.Attempts(t, id))

	// The recorder is free for the next, and nothing of the cancelled one goes on beside it.
	next := campaign(p, 1)
	nextID := p.Submit(t, next)
	checkDone(t, p, p.Await(t, nextID), next)
	checkUncharged(t, p, nextID)
	if n := len(p.Attempts(t, id)); n != attempts {
		t.Errorf("%d attempts after the cancel", n-attempts)
	}
}

// The app deletes a render while its page is being recorded: nothing of it goes on, and the worker
// is free.
func TestADeletedRenderStops(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Config{})
	c, hold := held(t, p, 1)
	id := p.Submit(t, c)
	hold.Await(t, 1)
	chrome := p.Services("recorder")[0].Children()
	if _, err := p.DB.Exec(context.Background(), `delete from renders where id = $1`, id); err != nil {
		t.Fatal(err)
	}
	hold.AwaitNone(t)
	rig.AwaitEnd(t, chrome)
	next := campaign(p, 1)
	nextID := p.Submit(t, next)
	checkDone(t, p, p.Await(t, nextID), next)
	checkUncharged(t, p, nextID)
}
