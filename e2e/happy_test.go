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
	p := rig.Shared(t)
	cases := []struct {
		name, facecam string
		scenes        int
	}{
		{"with a talking facecam", "talking.mp4", 3}, {"with a silent facecam", "silent.mp4", 2}, {"without a facecam", "", 2},
	}
	campaigns, ids := make([]rig.Campaign, len(cases)), make([]uuid.UUID, len(cases))
	for i, test := range cases {
		campaigns[i] = campaign(p, test.scenes)
		if test.facecam != "" {
			campaigns[i].Facecam = p.Site.Facecam(t, test.facecam)
		}
		ids[i] = p.Submit(t, campaigns[i])
	}
	for i, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			r := p.Await(t, ids[i])
			checkDone(t, p, r, campaigns[i])
			want := []string{"queued", "recording", "normalizing", "concatenating", "overlaying", "uploading", "done"}
			if test.facecam == "" {
				want = slices.DeleteFunc(want, func(s string) bool { return s == "overlaying" })
			}
			if got := r.Statuses(); !slices.Equal(got, want) {
				t.Errorf("the render went through %v, not %v", got, want)
			}
		})
	}
}

// listen returns a function that returns all messages on subject from now on.
func listen(t *testing.T, p *rig.Pipeline, subject string) func() []*nats.Msg {
	t.Helper()
	conn, err := nats.Connect(p.NATS.URL)
	if err != nil {
		t.Fatal(err)
	}
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

func TestTaskMessagesNameATaskAndNothingElse(t *testing.T) {
	p := rig.Shared(t)
	sent := listen(t, p, "task.>")
	c := campaign(p, 1)
	c.Facecam = p.Site.Facecam(t, "talking.mp4")
	checkDone(t, p, p.Await(t, p.Submit(t, c)), c)
	kinds := map[string]bool{}
	for _, m := range sent() {
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

func TestWatchersAreToldOfARenderFromPlanToEnd(t *testing.T) {
	p := rig.Shared(t)
	told := listen(t, p, "event.>")
	c := campaign(p, 1)
	first, second := p.Await(t, p.Submit(t, c)), p.Await(t, p.Submit(t, c))
	var events []msg.Event
	ended := func(id uuid.UUID) (n int) {
		for _, e := range events {
			if e.RenderID == id && e.What == msg.EventEnded {
				n++
			}
		}
		return n
	}
	rig.Eventually(t, "the second render's end is told", func() bool {
		for _, m := range told() {
			e, err := msg.Decode[msg.Event](m.Data)
			if err != nil {
				t.Fatalf("%s: %v", m.Subject, err)
			}
			events = append(events, e)
		}
		return ended(second.ID) > 0
	})
	// The first ended a while ago: had its end been told again, it would be here.
	if n := ended(first.ID); n != 1 {
		t.Errorf("the end of the first render was told %d times", n)
	}
	var seen []rig.Seen
	var what []msg.EventKind
	for _, e := range events {
		if e.RenderID == first.ID {
			seen = append(seen, rig.Seen{Status: e.Status, Progress: e.Progress})
			what = append(what, e.What)
		}
	}
	if what[0] != msg.EventPlanned || what[len(what)-1] != msg.EventEnded || seen[len(seen)-1] != (rig.Seen{Status: "done", Progress: 100}) {
		t.Errorf("the first render's events are %v: %v", what, seen)
	}
	if fault := rig.Backward(seen); fault != "" {
		t.Errorf("events: %s: %v", fault, seen)
	}
}
