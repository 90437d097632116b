package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

func TestARenderIsMadeFromACampaignThatIsSentOrThatIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	a := s.must(http.StatusAccepted, write, "POST", "/v1/renders", map[string]any{"campaign": map[string]any{
		"name": "Launch", "output_width": 1280, "output_rate": "30000/1001", "facecam_url": "https://example.com/f.mp4",
		"scenes": []any{
			map[string]any{"url": "https://example.com/a", "duration_sec": 2, "options": map[string]any{"headers": map[string]any{"X-Key": "secret"}}},
			map[string]any{"url": "https://example.com/b", "duration_sec": 1},
		},
	}})
	id := a.field("id").(string)
	if a.field("status") != "queued" || a.Header.Get("Location") != "/v1/renders/"+id {
		t.Errorf("%s, at %s", a.text, a.Header.Get("Location"))
	}
	if got := get[string](s, `select concat_ws(' ', c.name, c.output_width, c.output_height, c.output_rate, c.facecam_url, r.status, j.state,
		(select string_agg(s.url || s.options::text, ' ' order by s.order_index) from scenes s where s.campaign_id = c.id))
		from renders r join campaigns c on c.id = r.campaign_id join render_jobs j on j.render_id = r.id where r.id = $1`, id); got !=
		`Launch 1280 1080 30000/1001 https://example.com/f.mp4 queued queued https://example.com/a{"headers": {"X-Key": "secret"}} https://example.com/b{}` {
		t.Errorf("the rows are %s", got)
	}
	campaign := get[string](s, "select campaign_id::text from renders where id = $1", id)
	again := s.must(http.StatusAccepted, write, "POST", "/v1/renders", map[string]any{"campaign_id": campaign}).field("id")
	if again == id || get[int](s, "select count(*)::int from renders where campaign_id = $1", campaign) != 2 {
		t.Errorf("the second render is %v", again)
	}
	s.problem(404, CodeNotFound, write, "POST", "/v1/renders", map[string]any{"campaign_id": uuid.NewString()})
	s.problem(422, CodeInvalid, write, "POST", "/v1/renders", map[string]any{"campaign_id": campaign, "campaign": launch()})
	s.problem(422, CodeInvalid, write, "POST", "/v1/renders", map[string]any{})
	if entries := get[int](s, "select count(*)::int from loom.audit where action = 'render.create' and kind = 'token' and address = '127.0.0.1'"); entries != 2 {
		t.Errorf("the audit log has %d entries, want 2", entries)
	}
}

// The problems have a pointer to each field that is wrong.
func TestAWrongCampaignIsToldByPointers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	a := s.problem(422, CodeInvalid, write, "POST", "/v1/renders", `{"campaign": {"output_width": 14, "nam/e": "x", "scenes": [
		{"url": "https://example.com", "duration_sec": 0}, {"url": 7, "duration_sec": 1}]}}`)
	var p Problem
	a.into(t, &p)
	var pointers []string
	for _, f := range p.Errors {
		pointers = append(pointers, f.Pointer)
	}
	slices.Sort(pointers)
	want := []string{"#/campaign/nam~1e", "#/campaign/output_width", "#/campaign/scenes/0/duration_sec", "#/campaign/scenes/1/url"}
	if !slices.Equal(pointers, want) {
		t.Errorf("the pointers are %v, want %v: %s", pointers, want, a.text)
	}
	for _, url := range []string{"file:///etc/passwd", "/etc/passwd", "page.html", "javascript:alert(1)"} {
		body := map[string]any{"campaign": map[string]any{"scenes": []any{map[string]any{"url": url, "duration_sec": 1}}}}
		s.problem(422, CodeInvalid, write, "POST", "/v1/renders", body).into(t, &p)
		if p.Errors[0].Pointer != "#/campaign/scenes/0/url" {
			t.Errorf("%s: %+v", url, p)
		}
	}
	if n := get[int](s, "select count(*)::int from campaigns"); n != 0 {
		t.Errorf("there are %d campaigns", n)
	}
	a = s.problem(422, CodeInvalid, write, "GET", "/v1/renders?limit=101&status=nonsense", nil)
	a.into(t, &p)
	if len(p.Errors) != 2 || !strings.Contains(string(a.text), `"parameter":"limit"`) {
		t.Errorf("%s", a.text)
	}
}

func TestARenderIsReadAndControlled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	id := s.render(write)
	at := "/v1/renders/" + id
	a := s.must(200, write, "GET", at, nil)
	for _, field := range []string{"id", "campaign_id", "status", "progress", "final_video_url", "thumb_url", "error_code", "error_message", "warnings", "created_at"} {
		if !strings.Contains(string(a.text), `"`+field+`":`) {
			t.Errorf("%s is missing: %s", field, a.text)
		}
	}
	s.must(200, write, "PUT", at+"/priority", map[string]any{"priority": 7})
	if p := get[int](s, "select priority from render_jobs where render_id = $1", id); p != 7 {
		t.Errorf("the job's priority is %d", p)
	}
	s.problem(422, CodeInvalid, write, "PUT", at+"/priority", map[string]any{"priority": 1001})
	s.problem(409, CodeConflict, write, "POST", at+"/retry", nil)
	if a := s.must(200, write, "POST", at+"/cancel", nil); a.field("cancelled") != true || a.field("status") != "cancelled" {
		t.Errorf("%s", a.text)
	}
	if a := s.must(200, write, "POST", at+"/cancel", nil); a.field("cancelled") != false {
		t.Errorf("again: %s", a.text)
	}
	if a := s.must(202, write, "POST", at+"/retry", nil); a.field("job_id") == nil || a.Header.Get("Location") != at {
		t.Errorf("%s", a.text)
	}
	s.exec("update renders set status = 'done' where id = $1", id)
	s.exec("update render_jobs set state = 'completed' where render_id = $1", id)
	s.problem(409, CodeConflict, write, "POST", at+"/retry", nil)
	if got := get[string](s, "select string_agg(action, ' ' order by id) from loom.audit where target = $1", "render/"+id); got !=
		"render.create render.priority render.cancel render.retry" {
		t.Errorf("the audit log has %s", got)
	}
}

// A page goes on behind the last row of the one before, whatever was inserted since.
func TestCursorsAreStableUnderInserts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	read, write := s.token(access.Read), s.token(access.Write)
	var want []string
	for range 7 {
		want = append([]string{s.render(write)}, want...)
	}
	// Several of one moment are in the order of their ids.
	s.exec("update renders set created_at = '2026-01-01' where id = any ($1)", want[3:6])
	slices.SortFunc(want[3:6], func(a, b string) int { return -strings.Compare(a, b) })
	s.exec("update renders set created_at = '2025-01-01' where id = $1", want[6])
	var got []string
	path := "/v1/renders?limit=2"
	for {
		var page struct {
			Items      []renders.Render `json:"items"`
			NextCursor *string          `json:"next_cursor"`
		}
		s.must(200, read, "GET", path, nil).into(t, &page)
		for _, r := range page.Items {
			got = append(got, r.ID.String())
		}
		if page.NextCursor == nil {
			break
		}
		path = "/v1/renders?limit=2&cursor=" + *page.NextCursor
		s.render(write)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages have\n%v, want\n%v", got, want)
	}
	for _, cursor := range []string{"x", "e30", "e30x", "eyJvdGhlciI6MX0", strings.Repeat("A", 200)} {
		s.problem(400, CodeMalformed, read, "GET", "/v1/renders?cursor="+cursor, nil)
	}
	for _, limit := range []string{"0", "-1", "101", "x"} {
		s.problem(422, CodeInvalid, read, "GET", "/v1/renders?limit="+limit, nil)
	}
	s.problem(422, CodeInvalid, read, "GET", "/v1/renders?limits=2", nil)
}

func TestRendersAreFiltered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	read, write := s.token(access.Read), s.token(access.Write)
	user := uuid.New()
	name := func(text string, more ...any) string {
		body := map[string]any{"campaign": map[string]any{"name": text, "scenes": launch()["scenes"]}}
		if len(more) > 0 {
			body["user_id"] = more[0]
		}
		return s.must(202, write, "POST", "/v1/renders", body).field("id").(string)
	}
	queued, failed, recording := name("100% Spring"), name("Autumn_sale", user.String()), name("Winter")
	s.exec("update renders set status = 'failed', error_code = 'scene_refused', error_message = 'It was refused.', created_at = '2026-01-01' where id = $1", failed)
	s.exec("update renders set status = 'recording' where id = $1", recording)
	s.exec("insert into loom.dead_letters (render_id, kind, error_code) values ($1, 'record', 'scene_refused')", failed)
	for query, want := range map[string][]string{
		"status=queued":                       {queued},
		"status=queued,recording":             {queued, recording},
		"error_code=scene_refused":            {failed},
		"error_code=other":                    nil,
		"stage=record":                        {failed, recording},
		"stage=record&status=failed":          {failed},
		"stage=upload":                        nil,
		"q=100%25":                            {queued},
		"q=spring":                            {queued},
		"q=n_s":                               {failed},
		"q=%25":                               {queued},
		"q=REFUSED":                           {failed},
		"q=" + queued[:8]:                     {queued},
		"q=" + queued[9:]:                     nil,
		"user_id=" + user.String():            {failed},
		"user_id=" + uuid.NewString():         nil,
		"created_before=2026-02-01T00:00:00Z": {failed},
		"created_from=2026-02-01T00:00:00Z":   {queued, recording},
		"campaign_id=" + get[string](s, "select campaign_id::text from renders where id = $1", queued): {queued},
	} {
		var page struct {
			Items []renders.Render `json:"items"`
		}
		s.must(200, read, "GET", "/v1/renders?"+query, nil).into(t, &page)
		var got []string
		for _, r := range page.Items {
			got = append(got, r.ID.String())
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
}

func TestProblemsAreProblems(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	s.problem(404, CodeNotFound, write, "GET", "/v1/nothing", nil)
	if a := s.problem(405, CodeMethod, write, "DELETE", "/v1/renders", nil); a.Header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %s", a.Header.Get("Allow"))
	}
	s.problem(422, CodeInvalid, write, "GET", "/v1/renders/not-an-id", nil)
	s.problem(400, CodeMalformed, write, "POST", "/v1/renders", `{"campaign": `)
	s.problem(422, CodeInvalid, write, "POST", "/v1/renders", `{"other": 1}`)
	s.problem(413, CodeTooLarge, write, "POST", "/v1/renders", fmt.Sprintf(`{"campaign": {"name": "%s"}}`, strings.Repeat("x", maxBody)))
	s.problem(415, CodeMediaType, write, "POST", "/v1/renders", "<x/>", "Content-Type", "application/xml")
	s.problem(401, CodeTokenMissing, "", "GET", "/v1/renders", nil)
	for _, token := range []string{"x", "loom_", "loom_" + strings.Repeat("A", 43), write + "x", strings.ToUpper(write)} {
		if a := s.problem(401, CodeTokenInvalid, token, "GET", "/v1/renders", nil); !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: WWW-Authenticate is %q", token, a.Header.Get("WWW-Authenticate"))
		}
	}
}

// What is over soon is told with when to come again, and changes nothing.
func TestRowsThatAreHeldAndADatabaseThatIsAwayAreToldWithWhenToComeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	id := s.render(write)
	tx, err := s.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "select from renders where id = $1 for update", id); err != nil {
		t.Fatal(err)
	}
	if a := s.problem(503, CodeHeld, write, "POST", "/v1/renders/"+id+"/cancel", nil); a.Header.Get("Retry-After") != "3" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := s.must(200, write, "POST", "/v1/renders/"+id+"/cancel", nil); a.field("cancelled") != true {
		t.Errorf("then: %s", a.text)
	}
	away := newSite(t, func(c *Config) { c.DB = open(t, "postgres://nobody@127.0.0.1:1/none?connect_timeout=5") })
	if a := away.problem(503, CodeUnavailable, write, "GET", "/v1/renders", nil); a.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
}

func TestATraceIsCarriedIntoTheRender(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	const header, first, second = "traceparent", "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
	submit := func(value string) string {
		return s.must(http.StatusAccepted, write, "POST", "/v1/renders", map[string]any{"campaign": launch()}, header, value).field("id").(string)
	}
	id := submit("00-" + first + "-00f067aa0ba902b7-01")
	trace := func(id string) any {
		return s.must(http.StatusOK, write, "GET", "/v1/renders/"+id, nil).field("trace_id")
	}
	if got := trace(id); got != first {
		t.Errorf("its trace is %v", got)
	}
	if got := get[string](s, "select traceparent from loom.traces where render_id = $1", id); got != "00-"+first+"-00f067aa0ba902b7-01" {
		t.Errorf("the row has %s", got)
	}
	// What is not valid is no fault of the request.
	for _, bad := range []string{"", "x", "00-" + first + "-0000000000000000-01", "'; drop table renders; --"} {
		if got := trace(submit(bad)); got != nil {
			t.Errorf("%q became the trace %v", bad, got)
		}
	}
	s.exec("update render_jobs set state = 'failed' where render_id = $1", id)
	s.exec("update renders set status = 'failed' where id = $1", id)
	s.must(http.StatusAccepted, write, "POST", "/v1/renders/"+id+"/retry", nil, header, "00-"+second+"-b7ad6b7169203331-00")
	if got := trace(id); got != second {
		t.Errorf("after the retry its trace is %v", got)
	}
}
