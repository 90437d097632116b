package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// preflight asks for pages to be opened.
func (r *rig) preflight(pages int) (id uuid.UUID) {
	r.t.Helper()
	id = uuid.New()
	var opened bool
	r.scan(&opened, `select loom.open_preflight($1::uuid, null, null, 'test', (
		select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'url', 'https://example.com/', 'params',
		         jsonb_build_object('scene', n, 'campaign', '{"output_width": 640, "output_height": 360, "scenes": [
		             {"url": "https://example.com/?secret", "duration_sec": 1, "options": {"viewport": {"width": 800, "height": 600}}}]}'::jsonb)))
		  from generate_series(1, $2::int) n))`, id, pages)
	if !opened {
		r.t.Fatal("the preflight is refused")
	}
	return id
}

// found is what opening a page came to.
var found = json.RawMessage(`{"findings": [{"class": "ok", "reason": "It shows itself."}], "fails": false, "load_ms": 1, "picture": true}`)

// Pages are opened although all scenes of renders wait, or are being recorded.
func TestThePagesOfAPreflightWaitForNoRecording(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	recording := make(chan struct{}, 1)
	w := r.work("w", func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Record {
			select {
			case recording <- struct{}{}:
			default:
			}
			<-ctx.Done() // for as long as the test lasts
			return msg.Result{}
		}
		return msg.Result{Outcome: msg.Done, Facts: found}
	})
	r.submit(campaign{scenes: []scene{{"https://example.com/", 1, 0}, {"https://example.com/", 1, 1}}})
	<-recording
	id := r.preflight(3)
	r.until("the pages are opened", "select count(*) = 3 from loom.preflight_pages where preflight_id = $1 and state = 'done'", id)
	for _, g := range w.grants() {
		if g.Kind != msg.Preflight {
			continue
		}
		p := g.Outputs[msg.Picture]
		prefix := fmt.Sprintf("%s/%s/a1/", g.RenderID, g.TaskID)
		if g.RenderID != id || p.Key != prefix+"picture.jpg" || !strings.Contains(string(p.URL), p.Key) || p.ContentType != "image/jpeg" || g.Timeout <= 0 {
			t.Errorf("the grant is %+v", g)
		}
		var params msg.PreflightParams
		if err := json.Unmarshal(g.Params, &params); err != nil || params.Scene == 0 || params.URL != "https://example.com/?secret" ||
			params.Width != 800 || params.Height != 600 {
			t.Errorf("the recorder is told %s, %v", g.Params, err)
		}
		r.until("the picture is known", "select picture_key = $2 from loom.preflight_pages where id = $1", g.TaskID, p.Key)
	}
}

// A page whose worker is lost is opened by another one, and what the first reports then is refused.
func TestAPageOutlivesItsWorker(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	r.ingest(nil)
	taken := make(chan msg.Grant, 1)
	lost := r.work("lost", func(ctx context.Context, g msg.Grant) msg.Result {
		taken <- g
		<-ctx.Done()
		return msg.Result{}
	})
	id := r.preflight(1)
	first := <-taken
	lost.vanish()
	w := r.work("w", func(context.Context, msg.Grant) msg.Result { return msg.Result{Outcome: msg.Done, Facts: found} })
	r.until("the page is opened", "select state = 'done' and attempt = 2 and failures = 1 and worker = 'w' from loom.preflight_pages where preflight_id = $1", id)
	stale := msg.Result{Ref: first.Ref, Attempt: first.Attempt, Worker: "lost", Outcome: msg.Failed,
		Failure: &msg.Failure{Code: msg.CodeInternal, Message: "late", Permanent: true}}
	if err := w.report(t.Context(), stale); err != nil {
		t.Fatal(err)
	}
	r.eventually("the late result is read", func() (bool, string) {
		stream, err := w.js.Stream(t.Context(), msg.StreamResults)
		if err != nil {
			return false, err.Error()
		}
		return stream.CachedInfo().State.Msgs == 0, "it waits in its stream"
	})
	r.until("the page is as it was", "select state = 'done' and error_code is null from loom.preflight_pages where preflight_id = $1", id)
}

// What the database refuses is a failure, and does not come back for ever.
func TestAFindingThatCannotBeStoredFailsThePage(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	r.work("w", func(context.Context, msg.Grant) msg.Result {
		return msg.Result{Outcome: msg.Done, Facts: json.RawMessage(`{"picture": "no such thing"}`)}
	})
	id := r.preflight(1)
	r.until("the page has failed", "select state = 'failed' and error_code = 'internal' from loom.preflight_pages where preflight_id = $1", id)
}

// A campaign of the app's is read when its pages are opened: what is wrong with a scene is said of
// its page.
func TestAPageOfACampaignThatCannotBeRenderedSaysWhy(t *testing.T) {
	r := newRig(t)
	r.ingest(nil)
	r.work("w", func(context.Context, msg.Grant) msg.Result { return msg.Result{Outcome: msg.Done, Facts: found} })
	var id uuid.UUID
	r.scan(&id, "insert into campaigns (name) values ('test') returning id")
	for place, url := range []string{"https://example.com/a?key=secret", "ftp://example.com/b"} {
		r.exec("insert into scenes (campaign_id, url, duration_sec, order_index) values ($1, $2, 1, $3)", id, url, place)
	}
	preflight := uuid.New()
	var opened string
	r.scan(&opened, "select loom.open_campaign_preflight($1, $2, null)", preflight, id)
	if opened != "opened" {
		t.Fatalf("it is %s", opened)
	}
	r.until("the pages are over", "select bool_and(state in ('done', 'failed')) from loom.preflight_pages where preflight_id = $1", preflight)
	var got string
	r.scan(&got, `select string_agg(state || ' ' || url || coalesce(' ' || error_code || ': ' || error_message, ''), ', ' order by seq)
		from loom.preflight_pages where preflight_id = $1`, preflight)
	if !strings.HasPrefix(got, "done https://example.com/a, failed ftp://example.com/b scene_url_invalid: The address of scene 2 ") {
		t.Errorf("they are %s", got)
	}
}
