package ingest_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// The values reach the recorder, and are forgotten with the plan. Readers see names in their place.
func TestValuesReachTheRecorderAndAreForgottenAfterwards(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	const person = "Hedwig-4711"
	var mu sync.Mutex
	var asked msg.RecordParams
	var meanwhile string
	r.work("worker", func(_ context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Record {
			mu.Lock()
			defer mu.Unlock()
			if err := json.Unmarshal(g.Params, &asked); err != nil {
				t.Error(err)
			}
			// What the app writes now is for the next render.
			r.exec("update renders set variables = '{}'")
			r.scan(&meanwhile, "select jsonb_agg(loom.params_of(t.id))::text from loom.tasks t")
		}
		return msg.Result{Outcome: msg.Done, Facts: json.RawMessage(`{"frames": 90}`)}
	})
	var campaign, render uuid.UUID
	r.scan(&campaign, `insert into campaigns (name, variables, output_options) values ('test', '{"strict": false, "first_name": {}}',
		'{"captions": {"text": "00:00.000 --> 00:01.000\nHi {{first_name}}"}, "watermark": {"url": "https://example.com/{{first_name}}.png"}}') returning id`)
	r.exec(`insert into scenes (campaign_id, url, duration_sec, order_index) values ($1, 'https://example.com/{{first_name}}?n={{first_name}}', 3, 1)`, campaign)
	r.scan(&render, `with r as (insert into renders (campaign_id, status, progress, variables) values ($1, 'queued', 0, $2::text::jsonb) returning id),
		j as (insert into render_jobs (render_id, state) select id, 'queued' from r) select id from r`, campaign, `{"first_name": "`+person+`", "city": "London"}`)
	if o := r.ended(render); o.status != "done" {
		t.Fatalf("ended as %+v", o)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked.URL != "https://example.com/"+person+"?n="+person || len(asked.Private) != 1 || asked.Private[0] != person {
		t.Errorf("the recorder was asked for %+v", asked)
	}
	if strings.Contains(meanwhile, person) || !strings.Contains(meanwhile, `"url": "https://example.com/{{first_name}}?n={{first_name}}"`) {
		t.Errorf("meanwhile readers see %s", meanwhile)
	}
	var kept, warnings string
	r.scan(&kept, `select (select jsonb_agg(to_jsonb(p))::text from loom.plans p) || (select jsonb_agg(to_jsonb(t))::text from loom.tasks t)
		|| coalesce((select jsonb_agg(to_jsonb(e))::text from loom.receipts e), '') || (select jsonb_agg(to_jsonb(a))::text from loom.attempts a)`)
	if strings.Contains(kept, person) {
		t.Errorf("our tables still hold the value: %s", kept)
	}
	r.scan(&warnings, "select warnings::text from renders where id = $1", render)
	if !strings.Contains(warnings, "variable_undeclared") || !strings.Contains(warnings, "The variable city is not declared") {
		t.Errorf("the render's warnings are %s", warnings)
	}
}
