package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestACampaignBecomesAVideo(t *testing.T) {
	p := rig.Usual(t)
	sent, told := listen(t, p, "task.>"), listen(t, p, "event.>")
	talking := campaign(p, 2)
	talking.Facecam = p.Site.Facecam(t, "talking.mp4")
	cases := []struct {
		name     string
		campaign rig.Campaign
	}{
		{"with a facecam", talking},
		{"without a facecam", sameOrder(p)},
	}
	ids := make([]uuid.UUID, len(cases))
	for i, c := range cases {
		ids[i] = p.Submit(t, c.campaign)
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := p.Await(t, ids[i])
			checkDone(t, p, r, c.campaign)
			want := []string{"queued", "recording", "normalizing", "concatenating", "overlaying", "uploading", "done"}
			if c.campaign.Facecam == "" {
				want = slices.DeleteFunc(want, func(s string) bool { return s == "overlaying" })
			}
			if got := r.Statuses(); !slices.Equal(got, want) {
				t.Errorf("the render went through %v, not %v", got, want)
			}
		})
	}
	t.Run("task messages name a task and nothing else", func(t *testing.T) { checkTaskMessages(t, sent()) })
	t.Run("watchers are told from plan to end", func(t *testing.T) { checkEvents(t, told, ids) })
}

// sameOrder is a campaign of two scenes with the same order_index. They are shown in the order of
// their ids: always the same order, and documented.
func sameOrder(p *rig.Pipeline) rig.Campaign {
	c := campaign(p, 2)
	// Inserted in the other order than that of their ids.
	c.Scenes[0].URL, c.Scenes[1].URL = c.Scenes[1].URL, c.Scenes[0].URL
	c.Scenes[0].ID, c.Scenes[1].ID = "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000001"
	c.Scenes[0].Order, c.Scenes[1].Order = 1, 1
	return c
}

// listen returns a function that returns all messages on subject from now on.
func listen(t *testing.T, p *rig.Pipeline, subject string) func() []*nats.Msg {
	t.Helper()
	conn := p.NATS.Connect(t)
	t.Cleanup(conn.Close)
	sub, err := conn.SubscribeSync(subject)
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() (found []*nats.Msg) {
		t.Helper()
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			n, _, err := sub.Pending()
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				return found
			}
			m, err := sub.NextMsg(rig.Patience)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, m)
		}
	}
}

func checkTaskMessages(t *testing.T, sent []*nats.Msg) {
	kinds := map[string]bool{}
	for _, m := range sent {
		var fields map[string]any
		if err := json.Unmarshal(m.Data, &fields); err != nil {
			t.Fatalf("%s: %v", m.Subject, err)
		}
		if keys := slices.Sorted(maps.Keys(fields)); !slices.Equal(keys, []string{"kind", "render_id", "task_id", "v"}) {
			t.Errorf("%s carries %v", m.Subject, keys)
		}
		kinds[fields["kind"].(string)] = true
	}
	want := []string{"concat", "normalize", "overlay", "probe", "record", "upload"}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) {
		t.Errorf("tasks of kinds %v were sent, not %v", got, want)
	}
}

// checkEvents checks what watchers were told of renders that are done.
func checkEvents(t *testing.T, told func() []*nats.Msg, renders []uuid.UUID) {
	events := map[uuid.UUID][]msg.Event{}
	ended := func(id uuid.UUID) (n int) {
		for _, e := range events[id] {
			if e.What == msg.EventEnded {
				n++
			}
		}
		return n
	}
	rig.Eventually(t, "the renders' ends are told", func() bool {
		for _, m := range told() {
			e, err := msg.Decode[msg.Event](m.Data)
			if err != nil {
				t.Fatalf("%s: %v", m.Subject, err)
			}
			events[e.RenderID] = append(events[e.RenderID], e)
		}
		return !slices.ContainsFunc(renders, func(id uuid.UUID) bool { return ended(id) == 0 })
	})
	// All but the last ended a while ago: had an end been told again, it would be here.
	for _, id := range renders {
		if n := ended(id); n != 1 {
			t.Errorf("the end of render %s was told %d times", id, n)
		}
		var seen []rig.Seen
		for _, e := range events[id] {
			seen = append(seen, rig.Seen{Status: e.Status, Progress: e.Progress})
		}
		first, last := events[id][0].What, events[id][len(seen)-1].What
		if first != msg.EventPlanned || last != msg.EventEnded || seen[len(seen)-1] != (rig.Seen{Status: "done", Progress: 100}) {
			t.Errorf("the events of render %s begin with %s and end with %s: %v", id, first, last, seen)
		}
		if fault := rig.Backward(seen); fault != "" {
			t.Errorf("events: %s: %v", fault, seen)
		}
	}
}
