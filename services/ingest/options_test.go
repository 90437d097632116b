package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// ask inserts a render of one scene of three seconds, with these options: JSON, or nil for null.
func (r *rig) ask(options any) (render uuid.UUID) {
	r.t.Helper()
	var id uuid.UUID
	r.scan(&id, "insert into campaigns (name, output_width, output_height, output_fps) values ('test', 640, 360, 30) returning id")
	r.exec("insert into scenes (campaign_id, url, duration_sec, order_index, options) values ($1, 'https://example.com', 3, 1, $2::text::jsonb)",
		id, options)
	return r.queue(id)
}

func TestOptionsReachTheRecorderAndAreForgottenAfterwards(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	var mu sync.Mutex
	asked := map[uuid.UUID]msg.RecordParams{}
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		if g.Kind != msg.Record {
			return msg.Result{Outcome: msg.Done}
		}
		var p msg.RecordParams
		if err := json.Unmarshal(g.Params, &p); err != nil {
			t.Error(err)
		}
		mu.Lock()
		asked[g.RenderID] = p
		mu.Unlock()
		return msg.Result{Outcome: msg.Done, Facts: json.RawMessage(
			`{"frames": 90, "warnings": [{"code": "scene_timeout", "scene": 1, "message": "Scene 1 stopped."}]}`)}
	})
	render := r.ask(`{"viewport": {"width": 320, "height": 480, "device_scale_factor": 2}, "headers": {"Authorization": "hunter2"}}`)
	if o := r.ended(render); o.status != "done" {
		t.Fatalf("ended as %+v", o)
	}
	mu.Lock()
	p := asked[render]
	mu.Unlock()
	if p.Width != 640 || p.Height != 960 || p.Options.Viewport == nil || p.Options.Headers["Authorization"] != "hunter2" {
		t.Errorf("the recorder was asked for %+v", p)
	}
	var kept, warnings string
	r.scan(&kept, `select (select jsonb_agg(to_jsonb(p))::text from loom.plans p) || (select jsonb_agg(to_jsonb(t))::text from loom.tasks t)`)
	if strings.Contains(kept, "hunter2") {
		t.Errorf("our tables still hold the secret: %s", kept)
	}
	r.scan(&warnings, "select warnings ->> 0 from renders where id = $1", render)
	if !strings.Contains(warnings, "Scene 1 stopped.") {
		t.Errorf("the render's warnings are %s", warnings)
	}
}

func TestTheRateOfACampaignWinsOverItsWholeNumber(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	r.work("worker", nil)
	submit := func(rate any) uuid.UUID {
		var id uuid.UUID
		r.scan(&id, "insert into campaigns (name, output_fps, output_rate) values ('test', 25, $1) returning id", rate)
		r.exec("insert into scenes (campaign_id, url, duration_sec, order_index) values ($1, 'https://example.com', 3, 1)", id)
		return r.queue(id)
	}
	for rate, want := range map[any]string{
		nil: "75 at 25/1", "": "75 at 25/1", "29.97": "90 at 30000/1001", " 24000/1001 ": "72 at 24000/1001", "12.5": "38 at 25/2",
	} {
		render := submit(rate)
		if o := r.ended(render); o.status != "done" {
			t.Fatalf("%v: ended as %+v", rate, o)
		}
		var got string
		r.scan(&got, `select max((params ->> 'frames')::int) filter (where kind = 'record') || ' at ' || string_agg(distinct params ->> 'rate', ', ')
			from loom.tasks where render_id = $1`, render)
		if got != want {
			t.Errorf("%v: the plan has %s frames a second, want %s", rate, got, want)
		}
	}
	for _, rate := range []string{"1000/7", "fast"} {
		o := r.ended(submit(rate))
		if o.status != "failed" || o.code != string(msg.CodeOutputFPS) || !strings.Contains(o.message, strconv.Quote(rate)) {
			t.Errorf("%s: ended as %+v", rate, o)
		}
	}
}

func TestOptionsThatCannotBeReadFailTheirRenderAlone(t *testing.T) {
	r := newRig(t)
	var log bytes.Buffer
	p := r.ingest(func(c *ingest.Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
	r.work("worker", nil)
	r.exec("alter table scenes alter column options drop not null")
	for options, message := range map[string]string{
		`[]`:                               "Scene 1: options: this is a list, not a group of fields.",
		`"hunter2"`:                        "Scene 1: options: this is a text, not a group of fields.",
		`{"locale": "hunter2"}`:            "Scene 1: options.locale: this is no language that is known.",
		`{"wait_for": {"seconds": 1e400}}`: "Scene 1: options: this is not JSON that can be read.",
	} {
		o := r.ended(r.ask(options))
		if o.status != "failed" || o.code != string(msg.CodeSceneOptions) || !strings.HasPrefix(o.message, message) || o.job != "failed" {
			t.Errorf("%s: ended as %+v", options, o)
		}
	}
	for _, options := range []any{nil, "null", "{}"} {
		if o := r.ended(r.ask(options)); o.status != "done" {
			t.Errorf("%v: ended as %+v", options, o)
		}
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "render refused") || strings.Contains(text, "hunter2") {
		t.Errorf("the log does not tell what was refused, or tells a secret:\n%s", text)
	}
}
