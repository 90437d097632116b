package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// A campaign is rendered, its facecam is changed, and it is rendered again: the pages are not
// recorded again. Rendered a third time with nothing changed, only its files are copied.
func TestOnlyWhatDependsOnAChangedFacecamIsMadeAgain(t *testing.T) {
	p := rig.Usual(t)
	c := campaign(p, 2)
	c.Output = `{"cache": "1h"}`
	c.Facecam = p.Site.Facecam(t, "silent.mp4")
	first := p.Submit(t, c)
	checkDone(t, p, p.Await(t, first), c)

	c.Facecam = p.Site.Facecam(t, "talking.mp4")
	if _, err := p.DB.Exec(context.Background(), `update campaigns set facecam_url = $1 where id = (select campaign_id from renders where id = $2)`,
		c.Facecam, first); err != nil {
		t.Fatal(err)
	}
	second := p.SubmitAgain(t, first)
	checkDone(t, p, p.Await(t, second), c)
	third := p.SubmitAgain(t, first)
	checkDone(t, p, p.Await(t, third), c)
	for _, r := range []struct {
		what, ran string
		render    uuid.UUID
	}{
		{"the first time", "record 1, record 2, probe, normalize 1, normalize 2, concat, overlay, upload", first},
		{"with another facecam", "probe, normalize 1, normalize 2, concat, overlay, upload", second},
		{"with nothing changed", "upload", third},
	} {
		ran, reused := tasksOf(t, p, r.render)
		t.Logf("rendered %s, tasks that ran: %s; reused: %s", r.what, ran, reused)
		if ran != r.ran {
			t.Errorf("rendered %s, %s ran, want %s", r.what, ran, r.ran)
		}
	}
}

// tasksOf lists the tasks of a render that ran, and those that were reused, as loom status has
// them.
func tasksOf(t *testing.T, p *rig.Pipeline, render uuid.UUID) (ran, reused string) {
	t.Helper()
	var status struct {
		Tasks []struct {
			Kind     string
			Scene    int
			Reused   *bool
			Attempts []struct{}
		}
	}
	if err := json.Unmarshal([]byte(p.Loom(t, "status", render.String(), "--json")), &status); err != nil {
		t.Fatal(err)
	}
	lists := map[bool][]string{}
	for _, task := range status.Tasks {
		if task.Reused == nil || *task.Reused == (len(task.Attempts) > 0) {
			t.Fatalf("a task with %d attempts is reused: %v", len(task.Attempts), task.Reused)
		}
		name := task.Kind
		if task.Scene > 0 {
			name += " " + string(rune('0'+task.Scene))
		}
		lists[*task.Reused] = append(lists[*task.Reused], name)
	}
	return strings.Join(lists[false], ", "), strings.Join(lists[true], ", ")
}
