package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// greeted is a campaign with a variable.
func (s *site) greeted(token string) string {
	s.t.Helper()
	id := s.must(http.StatusCreated, token, "POST", "/v1/campaigns", map[string]any{"campaign": launch()}).field("id").(string)
	s.exec(`update campaigns set variables = '{"first_name": {}}' where id = $1`, id)
	return id
}

func TestAListIsTheBodyOrAPartOfIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.token(access.Write)
	campaign := s.greeted(token)
	csv, lines := "external_id;first_name\na;Ada\nb;Bob\n", `{"external_id": "a", "first_name": "Ada"}`+"\n"+`{"external_id": "b", "first_name": "Bob"}`
	for name, a := range map[string]answer{
		"CSV":         s.send(token, "POST", "/v1/batches?dry_run=true&campaign_id="+campaign, csv, "Content-Type", "text/csv; charset=utf-8"),
		"JSON Lines":  s.send(token, "POST", "/v1/batches?dry_run=true&campaign_id="+campaign, lines, "Content-Type", "application/x-ndjson"),
		"CSV in JSON": s.send(token, "POST", "/v1/batches?dry_run=true", map[string]any{"campaign_id": campaign, "csv": csv}),
		"rows": s.send(token, "POST", "/v1/batches?dry_run=true", map[string]any{"campaign_id": campaign, "rows": []any{
			map[string]any{"external_id": "a", "first_name": "Ada"}, map[string]any{"external_id": "b", "first_name": "Bob"}}}),
	} {
		if a.StatusCode != http.StatusOK || a.field("rows") != 2.0 || a.field("renders") != 2.0 || a.field("invalid") != 0.0 || a.field("dry_run") != true || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s %s", name, a.Status, a.text)
		}
	}
	if n := get[int](s, "select count(*) from loom.batches"); n != 0 {
		t.Errorf("dry runs have made %d batches", n)
	}
	for name, a := range map[string]answer{
		"two lists":   s.send(token, "POST", "/v1/batches", map[string]any{"campaign_id": campaign, "csv": csv, "rows": []any{}}),
		"no list":     s.send(token, "POST", "/v1/batches", map[string]any{"campaign_id": campaign}),
		"no campaign": s.send(token, "POST", "/v1/batches", csv, "Content-Type", "text/csv"),
		"a quote":     s.send(token, "POST", "/v1/batches?campaign_id="+campaign, "a\n\"", "Content-Type", "text/csv"),
		"faults":      s.send(token, "POST", "/v1/batches?all_or_none=true&campaign_id="+campaign, csv+"a;x\n", "Content-Type", "text/csv"),
		"empty":       s.send(token, "POST", "/v1/batches?campaign_id="+campaign, "first_name\n", "Content-Type", "text/csv"),
	} {
		if a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s %s", name, a.Status, a.text)
		}
	}
	s.problem(http.StatusRequestEntityTooLarge, CodeTooLarge, token, "POST", "/v1/batches?campaign_id="+campaign, strings.Repeat("x", maxList+1), "Content-Type", "text/csv")
	if n := get[int](s, "select count(*) from renders"); n != 0 {
		t.Errorf("%d renders were made", n)
	}
}

func TestABatchIsMadeOnceWatchedRetriedAndCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	user := uuid.New()
	token, other := s.token(access.Write, user), s.token(access.Write, uuid.New())
	campaign := s.greeted(token)
	send := func() answer {
		return s.must(http.StatusAccepted, token, "POST", "/v1/batches?name=May&campaign_id="+campaign, "external_id,first_name\na,Ada\nb,Bob\nc,\xc3\x89va\n,x\n",
			"Content-Type", "text/csv", "Idempotency-Key", "k1")
	}
	made := send()
	at := made.Header.Get("Location")
	if again := send(); again.Header.Get("Location") != at || again.Header.Get("Idempotency-Replayed") != "true" || string(again.text) != string(made.text) {
		t.Errorf("sent again it is %s", again.text)
	}
	// The console was killed before it kept the answer.
	s.exec("delete from loom.requests")
	if again := send(); again.Header.Get("Location") != at {
		t.Errorf("sent again after a kill it is %s", again.text)
	}
	if n := get[int](s, "select count(*) from renders"); n != 3 {
		t.Errorf("%d renders were made", n)
	}
	s.problem(http.StatusNotFound, CodeNotFound, other, "GET", at, nil)
	s.problem(http.StatusNotFound, CodeNotFound, other, "GET", at+"/rows", nil)
	s.problem(http.StatusNotFound, CodeNotFound, other, "GET", at+"/result", nil)
	s.problem(http.StatusNotFound, CodeNotFound, other, "POST", at+"/cancel", nil)
	s.problem(http.StatusNotFound, CodeNotFound, other, "POST", "/v1/batches?campaign_id="+campaign, "a\n1\n", "Content-Type", "text/csv")
	s.problem(http.StatusForbidden, CodeOneUser, token, "POST", "/v1/batches?priority=5&campaign_id="+campaign, "first_name\n1\n", "Content-Type", "text/csv")
	if list := s.must(http.StatusOK, other, "GET", "/v1/batches", nil); len(list.field("items").([]any)) != 0 {
		t.Errorf("another user sees %s", list.text)
	}
	if b := s.must(http.StatusOK, token, "GET", at, nil); b.field("open") != 3.0 || b.field("invalid") != 1.0 || b.field("name") != "May" || b.field("completed_at") != nil {
		t.Errorf("it is %s", b.text)
	}

	s.exec("update renders set status = 'failed', error_code = 'page_timeout', error_message = '=1+1' where id = (select render_id from loom.batch_rows where external_id = 'a')")
	s.exec("update render_jobs j set state = 'failed' from renders r where r.id = j.render_id and r.status = 'failed'")
	page := s.must(http.StatusOK, token, "GET", at+"/rows?limit=2", nil)
	if items := page.field("items").([]any); len(items) != 2 || items[0].(map[string]any)["error_code"] != "page_timeout" || page.field("next_cursor") == nil {
		t.Errorf("the rows are %s", page.text)
	}
	if rest := s.must(http.StatusOK, token, "GET", at+"/rows?limit=2&cursor="+page.field("next_cursor").(string), nil); rest.field("next_cursor") != nil {
		t.Errorf("the last rows are %s", rest.text)
	}
	if failed := s.must(http.StatusOK, token, "GET", at+"/rows?status=failed", nil); len(failed.field("items").([]any)) != 1 {
		t.Errorf("those that failed are %s", failed.text)
	}
	result := s.must(http.StatusOK, token, "GET", at+"/result", nil)
	if !strings.HasPrefix(result.Header.Get("Content-Type"), "text/csv") || strings.Count(string(result.text), "\n") != 5 ||
		!strings.Contains(string(result.text), ",page_timeout,'=1+1\n") || !strings.Contains(string(result.text), "c,\u00c9va,") {
		t.Errorf("the result is %s", result.text)
	}

	if a := s.must(http.StatusAccepted, token, "POST", at+"/retry", nil); a.field("total") != 1.0 || a.field("action") != "retry" {
		t.Errorf("the retry is %s", a.text)
	}
	if a := s.must(http.StatusAccepted, token, "POST", at+"/cancel", nil); a.field("total") != 2.0 || !strings.Contains(a.Header.Get("Location"), "/v1/bulk-actions/") {
		t.Errorf("the cancel is %s", a.text)
	}
	if n := get[int](s, "select count(*) from loom.audit where action = 'batch.create'"); n != 1 {
		t.Errorf("the audit log has it %d times", n)
	}
}
