package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/receipts"
)

func TestRendersThatMatchAreCountedAndThenChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	user := uuid.New()
	all, one := s.token(access.Write), s.token(access.Write, user)
	s.render(all)
	s.render(one)
	body := map[string]any{"action": "cancel", "dry_run": true, "filter": map[string]any{"status": []string{"queued"}}}
	for token, want := range map[string]float64{all: 2, one: 1} {
		a := s.must(http.StatusOK, token, "POST", "/v1/bulk-actions", body)
		if a.field("matched") != want || a.field("eligible") != want || a.field("bulk_action") != nil || a.Header.Get("Location") != "" {
			t.Errorf("a dry run of %v: %s", want, a.text)
		}
	}
	for _, empty := range []map[string]any{{}, {"q": "  "}} {
		a := s.problem(http.StatusUnprocessableEntity, CodeInvalid, all, "POST", "/v1/bulk-actions", map[string]any{"action": "cancel", "filter": empty})
		if !strings.Contains(string(a.text), `"#/filter"`) {
			t.Errorf("an empty filter: %s", a.text)
		}
	}
	priority := map[string]any{"action": "priority", "priority": 5, "filter": map[string]any{"status": []string{"queued"}}}
	s.problem(http.StatusForbidden, CodeOneUser, one, "POST", "/v1/bulk-actions", priority)
	delete(priority, "priority")
	s.problem(http.StatusUnprocessableEntity, CodeInvalid, all, "POST", "/v1/bulk-actions", priority)

	delete(body, "dry_run")
	made := s.must(http.StatusAccepted, all, "POST", "/v1/bulk-actions", body)
	at := made.Header.Get("Location")
	var action bulk.Action
	s.must(http.StatusOK, all, "GET", at, nil).into(t, &action)
	if action.State != "running" || action.Total != 2 || action.By == "" {
		t.Errorf("the action is %+v", action)
	}
	s.problem(http.StatusNotFound, CodeNotFound, one, "GET", at, nil)
	s.problem(http.StatusNotFound, CodeNotFound, one, "POST", at+"/abort", nil)
	if a := s.must(http.StatusOK, all, "POST", at+"/abort", nil); a.field("aborting") != true {
		t.Errorf("it is not aborted: %s", a.text)
	}
}

func TestReceiptsAndUsageAreTheirOwners(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Prices = receipts.Prices{Currency: "EUR", CPUHour: 3600} })
	user := uuid.New()
	all, one, other := s.token(access.Write), s.token(access.Write, user), s.token(access.Read, uuid.New())
	render := s.render(one)
	s.exec(`insert into loom.receipts (plan_id, render_id, owner, outcome, ended_at, seconds, cpu_ms, bytes_in, bytes_out, bytes_web, kinds)
		select gen_random_uuid(), gen_random_uuid(), o, 'done', d::timestamptz, 30, 2000, 1, 2, 3, '{}'
		  from (values ($1, '2026-01-02 23:59Z'), ($1, '2026-01-03 00:00Z'), ($1, '2026-01-03 12:00Z'), ('', '2026-01-03 12:00Z')) v (o, d)`, user.String())
	s.must(http.StatusOK, one, "GET", "/v1/renders/"+render+"/receipt", nil)
	s.problem(http.StatusNotFound, CodeNotFound, other, "GET", "/v1/renders/"+render+"/receipt", nil)
	for _, c := range []struct {
		token, query string
		days         int
		renders      int
		cost         float64
	}{
		{all, "?from=2026-01-01&to=2026-01-31", 3, 4, 8},
		{one, "?from=2026-01-01&to=2026-01-31", 2, 3, 6},
		{one, "?from=2026-01-03&to=2026-01-03", 1, 2, 4},
		{all, "?from=2026-01-02&to=2026-01-02", 1, 1, 2},
		{other, "?from=2026-01-01&to=2026-01-31&user_id=" + user.String(), 0, 0, 0},
	} {
		var out struct {
			Items []receipts.UsageDay `json:"items"`
			Total receipts.UsageSums  `json:"total"`
		}
		s.must(http.StatusOK, c.token, "GET", "/v1/usage"+c.query, nil).into(t, &out)
		if len(out.Items) != c.days || out.Total.Renders != c.renders || out.Total.Cost.Total != c.cost || out.Total.Cost.Currency != "EUR" {
			t.Errorf("%s: %d days, %+v, %+v", c.query, len(out.Items), out.Total, out.Total.Cost)
		}
	}
	s.problem(http.StatusUnprocessableEntity, CodeInvalid, all, "GET", "/v1/usage?from=2026-02-01&to=2026-01-01", nil)
}

func TestSavedViewsAreOnesOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, ben := s.token(access.Read), s.token(access.Read)
	save := func(status string) answer {
		return s.must(http.StatusOK, ann, "POST", "/v1/saved-views", map[string]any{"name": "mine", "filter": map[string]any{"status": []string{status}}})
	}
	first, second := save("failed"), save("done")
	if first.field("id") != second.field("id") {
		t.Error("a name has two views")
	}
	if a := s.must(http.StatusOK, ann, "GET", "/v1/saved-views", nil); !strings.Contains(string(a.text), `"done"`) || strings.Contains(string(a.text), `"failed"`) {
		t.Errorf("the views are %s", a.text)
	}
	if a := s.must(http.StatusOK, ben, "GET", "/v1/saved-views", nil); strings.Contains(string(a.text), "mine") {
		t.Errorf("another one sees %s", a.text)
	}
	at := "/v1/saved-views/" + first.field("id").(string)
	s.problem(http.StatusNotFound, CodeNotFound, ben, "DELETE", at, nil)
	s.must(http.StatusNoContent, ann, "DELETE", at, nil)
	s.problem(http.StatusNotFound, CodeNotFound, ann, "DELETE", at, nil)
}
