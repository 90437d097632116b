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
	name := map[uuid.UUID]string{first: "first", second: "second", third: "third"}
	for _, r := range []struct {
		what, ran, reused string
		render            uuid.UUID
	}{
		{"the first time", "record 1, record 2, probe, normalize 1, normalize 2, concat, overlay, upload", "", first},
		{"with another facecam", "probe, normalize 1, normalize 2, concat, overlay, upload", "record 1 of first, record 2 of first", second},
		{
			"with nothing changed", "upload",
			"record 1 of first, record 2 of first, probe of second, normalize 1 of second, normalize 2 of second, concat of second, overlay of second", third,
		},
	} {
		ran, reused := tasksOf(t, p, r.render, name)
		t.Logf("rendered %s, tasks that ran: %s; reused: %s", r.what, ran, reused)
		if ran != r.ran {
			t.Errorf("rendered %s, %s ran, want %s", r.what, ran, r.ran)
		}
		if reused != r.reused {
			t.Errorf("rendered %s, %s were reused, want %s", r.what, reused, r.reused)
		}
	}
}

// tasksOf lists the tasks of a render that ran, and those that were reused, and of which render, as
// loom status has them.
func tasksOf(t *testing.T, p *rig.Pipeline, render uuid.UUID, names map[uuid.UUID]string) (ran, reused string) {
	t.Helper()
	var status struct {
		Tasks []struct {
			Kind     string
			Scene    int
			Reused   *bool
			From     *uuid.UUID `json:"reused_from"`
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
		if task.From != nil {
			name += " of " + names[*task.From]
		}
		lists[*task.Reused] = append(lists[*task.Reused], name)
	}
	return strings.Join(lists[false], ", "), strings.Join(lists[true], ", ")
}
