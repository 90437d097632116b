package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

func TestACampaignBecomesAVideo(t *testing.T) {
	p := rig.Start(t, rig.Config{})
	for name, facecam := range map[string]string{
		"with a talking facecam": "talking.mp4", "with a silent facecam": "silent.mp4", "without a facecam": "",
	} {
		t.Run(name, func(t *testing.T) {
			c := campaign(p, 3)
			if facecam != "" {
				c.Facecam = p.Site.Facecam(t, facecam)
			}
			r := p.Await(t, p.Submit(t, c))
			checkDone(t, p, r, c)
			want := []string{"queued", "recording", "normalizing", "concatenating", "overlaying", "uploading", "done"}
			if facecam == "" {
				want = slices.DeleteFunc(want, func(s string) bool { return s == "overlaying" })
			}
			if got := r.Statuses(); !slices.Equal(got, want) {
				t.Errorf("the render went through %v, not %v", got, want)
			}
		})
	}
}

func TestTaskMessagesNameATaskAndNothingElse(t *testing.T) {
	p := rig.Start(t, rig.Config{})
	conn, err := nats.Connect(p.NATS.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sub, err := conn.SubscribeSync("task.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	c := campaign(p, 1)
	c.Facecam = p.Site.Facecam(t, "talking.mp4")
	checkDone(t, p, p.Await(t, p.Submit(t, c)), c)
	kinds := map[string]bool{}
	for {
		n, _, err := sub.Pending()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		m, err := sub.NextMsg(rig.Patience)
		if err != nil {
			t.Fatal(err)
		}
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
