package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

var small = campaign{width: 640, height: 360, fps: 30, scenes: []scene{
	{"https://example.com/one", 2, 1}, {"https://example.com/two", 2, 2},
}}

var withFacecam = campaign{facecam: "https://example.com/face.mp4", width: 640, height: 360, fps: 30, scenes: []scene{
	{"https://example.com/one", 2, 1}, {"https://example.com/two", 3, 2}, // in two pieces
}}

func TestARenderGoesThroughAllOfItsTasks(t *testing.T) {
	for name, c := range map[string]struct {
		campaign
		kinds string
	}{
		"with a facecam":    {withFacecam, "concat normalize normalize normalize overlay probe record record upload"},
		"without a facecam": {small, "concat normalize normalize record record upload"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.history()
			r.ingest(nil)
			w := r.work("worker", nil)
			render := r.submit(c.campaign)
			if o := r.ended(render); o != (outcome{status: "done", progress: 100, job: "completed"}) {
				t.Errorf("the render ended as %+v", o)
			}
			r.forward(render)
			kinds := map[msg.Kind]int{}
			for _, g := range w.grants() {
				kinds[g.Kind]++
				if g.Attempt != 1 {
					t.Errorf("%s was granted %d times", g.Kind, g.Attempt)
				}
				checkGrant(t, g)
			}
			var got []string
			for _, k := range []msg.Kind{msg.Concat, msg.Normalize, msg.Overlay, msg.Probe, msg.Record, msg.Upload} {
				for range kinds[k] {
					got = append(got, string(k))
				}
			}
			if text := strings.Join(got, " "); text != c.kinds {
				t.Errorf("tasks granted: %s, want %s", text, c.kinds)
			}
		})
	}
}

// checkGrant checks a grant: its URLs are signed, and their keys hold render, task and attempt.
func checkGrant(t *testing.T, g msg.Grant) {
	t.Helper()
	for name, out := range g.Outputs {
		if prefix := fmt.Sprintf("%s/%s/a%d/", g.RenderID, g.TaskID, g.Attempt); !strings.HasPrefix(out.Key, prefix) {
			t.Errorf("%s writes %s to %s", g.Kind, name, out.Key)
		}
		if url := string(out.URL); !strings.Contains(url, out.Key) || !strings.Contains(url, "X-Amz-Signature=") {
			t.Errorf("%s's output %s has the URL %s", g.Kind, name, url)
		}
		if out.ContentType == "" {
			t.Errorf("%s's output %s has no content type", g.Kind, name)
		}
	}
	for name, in := range g.Inputs {
		if in.Key == "" || !strings.Contains(string(in.URL), in.Key) {
			t.Errorf("%s reads %s from %q", g.Kind, name, in.Key)
		}
		var facts struct{ Frames int }
		if err := json.Unmarshal(in.Facts, &facts); err != nil || facts.Frames != 1 {
			t.Errorf("%s's input %s has the facts %s", g.Kind, name, in.Facts)
		}
	}
	if g.Kind == msg.Upload && (g.Inputs[msg.Video].Key == "" || g.Inputs[msg.Thumbnail].Key == "") {
		t.Errorf("upload's inputs are %v", g.Inputs)
	}
}

// history records every change of renders, as the app would see it.
func (r *rig) history() {
	r.exec(`create table seen (n serial, render uuid, status text, progress int);
		create function see() returns trigger language plpgsql as $$
		begin insert into public.seen (render, status, progress) values (new.id, new.status, new.progress); return null; end $$;
		create trigger see after insert or update on renders for each row execute function see()`)
}

// forward fails the test if a render's status or progress ever went back.
func (r *rig) forward(render any) {
	r.t.Helper()
	rank := map[string]int{"queued": 0, "recording": 1, "normalizing": 2, "concatenating": 3, "overlaying": 4, "uploading": 5,
		"done": 6, "failed": 6, "cancelled": 6}
	rows, err := r.db.Query(r.t.Context(), "select status, progress from seen where render = $1 order by n", render)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	last, lastProgress := 0, 0
	for rows.Next() {
		var status string
		var progress int
		if err := rows.Scan(&status, &progress); err != nil {
			r.t.Fatal(err)
		}
		n, known := rank[status]
		if !known || n < last || progress < lastProgress || progress == 100 != (status == "done") {
			r.t.Errorf("the render went to %s, %d %%, after rank %d, %d %%", status, progress, last, lastProgress)
		}
		last, lastProgress = n, progress
	}
	if err := rows.Err(); err != nil {
		r.t.Error(err)
	}
}

func TestAPermanentFailureEndsTheRenderWithItsWords(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		if g.Kind != msg.Record {
			return msg.Result{Outcome: msg.Done}
		}
		return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{
			Code: msg.CodeSceneStatus, Message: "The page of scene 1 answered with an error (404).", Detail: "nul \x00 byte", Permanent: true,
		}}
	})
	o := r.ended(r.submit(small))
	want := outcome{status: "failed", code: "scene_http_error", message: "The page of scene 1 answered with an error (404).",
		job: "failed", progress: o.progress}
	if o != want {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestAFailedAttemptIsTriedAgain(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	w := r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Concat && g.Attempt < 3 {
			return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeInternal, Message: "Oops."}}
		}
		return msg.Result{Outcome: msg.Done}
	})
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	last := 0
	for _, g := range w.grants() {
		if g.Kind == msg.Concat {
			last = g.Attempt
		}
	}
	if last != 3 {
		t.Errorf("concat had %d attempts, want 3", last)
	}
}

func TestRetriesRunOut(t *testing.T) {
	r := newRig(t)
	r.ingest(func(c *ingest.Config) { c.MaxRetries = 1 })
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		return msg.Result{Outcome: msg.Failed, Failure: &msg.Failure{Code: msg.CodeSceneTimeout, Message: "Scene 1 did not load."}}
	})
	if o := r.ended(r.submit(small)); o.status != "failed" || o.code != "scene_timeout" || o.message != "Scene 1 did not load." {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestATaskThatIsHandedBackIsNotCharged(t *testing.T) {
	r := newRig(t)
	r.ingest(func(c *ingest.Config) { c.MaxRetries = 0 })
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		if g.Attempt < 3 {
			return msg.Result{Outcome: msg.HandedBack, Reason: "the worker stops"}
		}
		return msg.Result{Outcome: msg.Done}
	})
	if o := r.ended(r.submit(small)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
}

func TestAWorkerThatDiesIsReplaced(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	p := r.ingest(nil)
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Normalize && g.Attempt == 1 {
			return msg.Result{} // neither a result nor an ack, and no more heartbeats
		}
		return msg.Result{Outcome: msg.Done}
	})
	render := r.submit(small)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	var lapsed int
	r.scan(&lapsed, "select count(*) from loom.attempts where outcome = 'lapsed'")
	if lapsed != 2 {
		t.Errorf("%d attempts lapsed, want those of both segments", lapsed)
	}
	if text := p.metrics(t); !regexp.MustCompile(`loom_leases_lapsed_total\{kind="normalize"\} [12]`).MatchString(text) {
		t.Errorf("no lease that lapsed is counted:\n%s", text)
	}
}
