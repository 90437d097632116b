package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/alerts"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// fanned has the deliveries of all events made.
func (s *site) fanned() { s.exec("select loom.fan_out_events(100)") }

func TestAnEndpointIsMadeAndChangedAndItsSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write, read := s.token(access.Write), s.token(access.Read)
	a := s.must(http.StatusCreated, write, "POST", endpointsPath, map[string]any{"url": "https://hooks.example.com/services/T0/secretpath", "events": []string{"render.failed"}})
	secret, id := a.field("secret").(string), a.field("id").(string)
	if _, err := webhooks.ParseSecret(secret); err != nil || a.Header.Get("Location") != endpointsPath+"/"+id {
		t.Errorf("%s: %v", a.text, err)
	}
	at := endpointsPath + "/" + id
	for name, token := range map[string]string{"read": read, "write": write} {
		for _, path := range []string{at, endpointsPath} {
			text := string(s.must(200, token, "GET", path, nil).text)
			if strings.Contains(text, secret) || strings.Contains(text, "whsec_") || strings.Contains(text, "secretpath") != (name == "write") {
				t.Errorf("%s sees of %s %s", name, path, text)
			}
		}
	}
	etag := s.must(200, write, "GET", at, nil).Header.Get("ETag")
	s.must(200, write, "PATCH", at, map[string]any{"enabled": false}, "If-Match", etag)
	s.problem(412, CodeChanged, write, "PATCH", at, map[string]any{"enabled": true}, "If-Match", etag)
	s.problem(409, CodeConflict, write, "POST", at+"/test", nil)
	if a := s.must(200, write, "PATCH", at, map[string]any{"enabled": true, "description": "x"}); a.field("disabled_at") != nil || a.field("description") != "x" {
		t.Errorf("%s", a.text)
	}
	own := "whsec_" + strings.Repeat("QUFB", 8)
	if a := s.must(200, write, "POST", at+"/rotate", map[string]any{"secret": own, "overlap_seconds": 60}); a.field("secret") != own || a.field("secret_expires_at") == nil {
		t.Errorf("%s", a.text)
	}
	for _, path := range []string{endpointsPath, at + "/rotate"} {
		s.problem(400, CodeMalformed, write, "POST", path, map[string]any{"url": "https://example.com"}, "Idempotency-Key", "k")
	}
	for body, want := range map[string]string{
		`{"url": "ftp://example.com"}`: "#/url", `{"url": "https://u:p@example.com"}`: "#/url", `{"url": "https://example.com", "events": ["render.gone"]}`: "#/events",
		`{"url": "https://example.com", "secret": "whsec_short"}`: "#/secret", `{"url": "https://example.com", "events": []}`: "#/events",
	} {
		var p Problem
		s.problem(422, CodeInvalid, write, "POST", endpointsPath, body).into(t, &p)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != want || strings.Contains(fmt.Sprint(p), "short") {
			t.Errorf("%s: %+v", body, p)
		}
	}
	s.must(204, write, "DELETE", at, nil)
	s.problem(404, CodeNotFound, write, "GET", at, nil)
	if got := get[string](s, "select string_agg(action, ' ' order by id) from loom.audit where target = $1", "webhook_endpoint/"+id); got !=
		"webhook_endpoint.create webhook_endpoint.change webhook_endpoint.change webhook_endpoint.rotate webhook_endpoint.delete" {
		t.Errorf("the audit log has %s", got)
	}
	if n := get[int](s, "select count(*)::int from loom.audit where detail::text like '%secretpath%' or detail::text like '%whsec%'"); n > 0 || strings.Contains(s.log.String(), secret) {
		t.Error("a secret is in the audit log or in the console's")
	}
}

func TestDeliveriesAreListedReadAndSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	id := s.must(http.StatusCreated, write, "POST", endpointsPath, map[string]any{"url": "https://example.com"}).field("id").(string)
	var renders []string
	for range 5 {
		renders = append(renders, s.render(write))
	}
	s.exec("update renders set status = 'done'")
	event := s.must(http.StatusAccepted, write, "POST", endpointsPath+"/"+id+"/test", nil).field("event_id")
	s.fanned()
	var page struct {
		Items      []webhooks.Delivery `json:"items"`
		NextCursor *string             `json:"next_cursor"`
	}
	seen, path := map[uuid.UUID]bool{}, deliveriesPath+"?limit=2"
	for {
		s.must(200, write, "GET", path, nil).into(t, &page)
		for _, d := range page.Items {
			seen[d.ID] = true
		}
		if page.NextCursor == nil {
			break
		}
		path = deliveriesPath + "?limit=2&cursor=" + *page.NextCursor
	}
	if len(seen) != 6 {
		t.Errorf("the pages have %d deliveries", len(seen))
	}
	for query, want := range map[string]int{"render_id=" + renders[0]: 1, "event_id=" + event.(string): 1, "state=dead": 0, "type=render.completed,render.failed": 5, "endpoint_id=" + uuid.NewString(): 0} {
		s.must(200, write, "GET", deliveriesPath+"?"+query, nil).into(t, &page)
		if len(page.Items) != want {
			t.Errorf("%s: %d", query, len(page.Items))
		}
	}
	s.must(200, write, "GET", deliveriesPath+"?render_id="+renders[0], nil).into(t, &page)
	at := deliveriesPath + "/" + page.Items[0].ID.String()
	if a := s.must(200, write, "GET", at, nil); !strings.Contains(a.field("body").(string), `"render_id":"`+renders[0]+`"`) {
		t.Errorf("%s", a.text)
	}
	s.exec("update loom.webhook_deliveries set state = 'dead', ended_at = now()")
	if a := s.must(202, write, "POST", at+"/resend", nil); a.field("resent") != float64(1) {
		t.Errorf("%s", a.text)
	}
	s.problem(422, CodeInvalid, write, "POST", deliveriesPath+"/resend", map[string]any{})
	if a := s.must(202, write, "POST", deliveriesPath+"/resend", map[string]any{"state": []string{"dead"}, "created_from": "2026-01-01T00:00:00Z"}); a.field("resent") != float64(5) {
		t.Errorf("%s", a.text)
	}
	if n := get[int](s, "select count(*)::int from loom.webhook_events"); n != 6 {
		t.Errorf("%d events: what is sent again has another id", n)
	}
}

// A token of one user makes endpoints for this user, and neither sees nor sends again what others
// have.
func TestATokenOfOneUserHasItsOwnEndpoints(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	user := uuid.New()
	all, me := s.token(access.Write), s.token(access.Write, user)
	theirs := s.must(http.StatusCreated, all, "POST", endpointsPath, map[string]any{"url": "https://example.com"}).field("id").(string)
	mine := s.must(http.StatusCreated, me, "POST", endpointsPath, map[string]any{"url": "https://example.com"})
	if mine.field("user_id") != user.String() {
		t.Errorf("%s", mine.text)
	}
	s.problem(403, CodeOneUser, me, "POST", endpointsPath, map[string]any{"url": "https://example.com", "user_id": uuid.New()})
	s.problem(422, CodeInvalid, me, "POST", endpointsPath, map[string]any{"url": "https://example.com", "events": []string{"alert.opened"}})
	s.render(all)
	s.exec("update renders set status = 'done'")
	s.fanned()
	var delivery string
	for _, path := range []string{endpointsPath, deliveriesPath} {
		var page struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		s.must(200, me, "GET", path, nil).into(t, &page)
		if path == endpointsPath && (len(page.Items) != 1 || page.Items[0].ID != mine.field("id")) || path == deliveriesPath && len(page.Items) != 0 {
			t.Errorf("%s has %v", path, page.Items)
		}
	}
	delivery = get[string](s, "select id::text from loom.webhook_deliveries")
	for op, need := range routes {
		method, path, _ := strings.Cut(op, " ")
		if !strings.Contains(path, "webhook") || !strings.Contains(path, "{id}") {
			continue
		}
		id := theirs
		if strings.Contains(path, deliveriesPath) {
			id = delivery
		}
		s.problem(404, CodeNotFound, me, method, strings.Replace(path, "{id}", id, 1), need.body)
	}
	if a := s.must(202, me, "POST", deliveriesPath+"/resend", map[string]any{"ids": []string{delivery}}); a.field("resent") != float64(0) {
		t.Errorf("%s", a.text)
	}
}

// Each message that is sent is as the document says that messages of its type are.
func TestMessagesAreWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admin := s.token(access.Admin)
	id := s.must(http.StatusCreated, admin, "POST", endpointsPath, map[string]any{"url": "https://example.com", "events": webhooks.Types}).field("id").(string)
	campaign := launch()
	campaign["metadata"] = map[string]any{"customer": "0042", "nested": []any{1, nil}}
	for _, change := range []string{"status = 'done', final_video_url = 'https://cdn.example.com/v.mp4'", "status = 'failed', error_code = 'page_blocked', error_message = 'x'", "status = 'cancelled'"} {
		render := s.must(http.StatusAccepted, admin, "POST", "/v1/renders", map[string]any{"campaign": campaign}).field("id")
		s.exec("update renders set status = 'recording' where id = $1", render)
		s.exec("update renders set "+change+" where id = $1", render)
	}
	s.must(http.StatusAccepted, admin, "POST", "/v1/batches", map[string]any{"campaign": campaign, "rows": []any{map[string]any{"external_id": "a"}}})
	s.exec("update renders set status = 'failed', error_code = 'page_blocked' where id = (select render_id from loom.batch_rows)")
	watcher := alerts.Watcher{DB: s.owner, Log: zerolog.Nop(), Settings: alerts.Settings{Failed: true, Quiet: time.Hour, QueueWait: time.Minute, StageWait: time.Minute}}
	s.exec("update render_jobs set queued_at = queued_at - interval '1 hour', state = 'queued'")
	for range 2 {
		if err := watcher.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.exec("update render_jobs set state = 'completed'")
	}
	s.must(http.StatusAccepted, admin, "POST", endpointsPath+"/"+id+"/test", nil)
	s.fanned()
	schemas := compiled(t, s.api.Document())
	sent := map[string]int{}
	var list struct{ Items []webhooks.Delivery }
	s.must(200, admin, "GET", deliveriesPath+"?limit=100", nil).into(t, &list)
	for _, d := range list.Items {
		body := s.must(200, admin, "GET", deliveriesPath+"/"+d.ID.String(), nil).field("body").(string)
		schema, err := schemas.Compile("openapi.json#/webhooks/" + d.Type + "/post/requestBody/content/application~1json/schema")
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", d.Type, err, body)
		}
		if sent[d.Type]++; strings.HasPrefix(d.Type, "render.") && !strings.Contains(body, `"customer"`) {
			t.Errorf("%s does not pass the metadata on: %s", d.Type, body)
		}
	}
	for kind := range s.api.Document().Webhooks {
		if sent[kind] == 0 {
			t.Errorf("no %s was sent", kind)
		}
	}
	for _, kind := range webhooks.Types {
		if s.api.Document().Webhooks[kind] == nil {
			t.Errorf("the document does not have %s", kind)
		}
	}
}
