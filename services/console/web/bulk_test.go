package web_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/bulk"
)

// failing adds renders of one campaign that have failed with a code.
func (d *dashboard) failing(n int, campaign, code string) {
	d.t.Helper()
	_, err := d.db.Exec(d.t.Context(), `with c as (insert into public.campaigns (id, name) values (gen_random_uuid(), $2::text) returning id)
		insert into public.renders (id, campaign_id, status, progress, error_code, error_message)
		select gen_random_uuid(), c.id, 'failed', 40, $3::text, 'It failed.' from c, generate_series(1, $1::int)`, n, campaign, code)
	if err != nil {
		d.t.Fatal(err)
	}
}

// carryOut has actions on many renders carried out, as the console does.
func (d *dashboard) carryOut() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&bulk.Runner{DB: d.db, Log: zerolog.Nop()}).Run(ctx)
	}()
	d.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// Somebody filters the list, sees how many match, and has them all made again. Those that match
// are, and no others.
func TestAllThatMatchAreRetriedInTheBrowser(t *testing.T) {
	n := 60
	if os.Getenv("LOOM_LONG") != "" {
		n = 500
	}
	d := startOn(t, "/console", seeded.Database(t))
	d.failing(n, "Autumn", "page_not_found")
	d.failing(3, "Winter", "page_not_found")
	d.carryOut()
	page := d.window(t, access.Write, 1280)
	visit(t, page, d.url+"/renders?status=failed")
	page.MustElement("#f-q").MustInput("Autumn")
	press(t, page, ".filters button")
	point(t, page, ".onall details summary")
	press(t, page, ".onall button[value=retry]")
	shoot(t, page, "bulk-count")
	if text := page.MustElement("main").MustText(); !strings.Contains(text, fmt.Sprintf("%d renders are made again", n)) {
		t.Fatalf("before it, the page says: %s", text)
	}
	press(t, page, ".pager form button")
	page.Timeout(patience).MustWait(`want => document.querySelector("#changed").textContent === want`, fmt.Sprint(n))
	page.Timeout(patience).MustWait(`() => document.querySelector(".head .status").textContent === "done"`)
	shoot(t, page, "bulk-done")
	var autumn, winter int
	err := d.db.QueryRow(t.Context(), `select count(*) filter (where c.name = 'Autumn'), count(*) filter (where c.name = 'Winter') from public.render_jobs j
		join public.renders r on r.id = j.render_id join public.campaigns c on c.id = r.campaign_id where j.state = 'queued'`).Scan(&autumn, &winter)
	if err != nil || autumn != n || winter != 0 {
		t.Errorf("%d of what matched has a job, and %d of the others: %v", autumn, winter, err)
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// What is changed is what was counted, and never more: not what failed after it, nor everything.
func TestAnActionIsAboutWhatWasCounted(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	d.failing(4, "Autumn", "page_not_found")
	p := d.signedIn(access.Write, nil)
	status, _, body := p.get("/bulk/new?code=page_not_found&action=cancel")
	if status != http.StatusOK || !strings.Contains(body, "<b>0</b> renders are cancelled") || strings.Contains(body, "<button class=\"button danger\">") {
		t.Errorf("an action that changes nothing answers %d: %s", status, body)
	}
	status, _, body = p.get("/bulk/new?code=page_not_found&within=1h&action=retry")
	if status != http.StatusOK || !strings.Contains(body, "<b>4</b> renders") {
		t.Fatalf("the count answers %d: %s", status, body)
	}
	d.failing(2, "Later", "page_not_found")
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(body, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	status, header, body := p.post("/bulk", form)
	if status != http.StatusSeeOther {
		t.Fatalf("it answers %d: %s", status, body)
	}
	if _, _, body = p.get(header.Get("Location")); !strings.Contains(body, "0 of 4") {
		t.Errorf("the action is not about the 4 that were counted: %s", body)
	}
	for name, form := range map[string]url.Values{
		"an empty filter":        {"action": {"retry"}},
		"spaces":                 {"action": {"retry"}, "q": {"  "}},
		"an unknown status":      {"action": {"retry"}, "status": {"failed,lost"}},
		"no action":              {"status": {"failed"}},
		"a priority of no sense": {"action": {"priority"}, "status": {"queued"}, "priority": {"high"}},
		"a time that is none":    {"action": {"retry"}, "status": {"failed"}, "before": {"noon"}},
	} {
		if status, _, _ := p.post("/bulk", form); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: the answer is %d", name, status)
		}
		if status, _, _ := p.get("/bulk/new?" + form.Encode()); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: the count answers %d", name, status)
		}
	}
	user := uuid.New()
	one := d.signedIn(access.Write, &user)
	if status, _, _ := one.get(header.Get("Location")); status != http.StatusNotFound {
		t.Errorf("somebody else's action answers %d", status)
	}
	if status, _, _ := one.post(header.Get("Location")+"/abort", nil); status != http.StatusNotFound {
		t.Errorf("aborting somebody else's action answers %d", status)
	}
	if status, _, _ := one.post("/bulk", url.Values{"action": {"priority"}, "status": {"queued"}, "priority": {"5"}}); status != http.StatusForbidden {
		t.Errorf("a priority by one user answers %d", status)
	}
	if status, _, _ := p.post(header.Get("Location")+"/abort", nil); status != http.StatusSeeOther {
		t.Errorf("aborting answers %d", status)
	}
	d.carryOut()
	d.await("it is aborted", "select state = 'aborted' and changed = 0 from loom.bulk_actions")
}

// A view is there in every session of the browser in which it was saved, and in no other's: many
// have the same name, which is that of the account that made their links. One that goes back from
// now goes back from when it is looked at.
func TestAViewIsThereAfterSigningInAgain(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	p := d.signedIn(access.Read, nil)
	status, header, body := p.post("/views", url.Values{"name": {"Failed <today>"}, "status": {"failed"}, "within": {"24h"}, "code": {"a,b"}, "q": {"50% & more"}})
	if status != http.StatusSeeOther {
		t.Fatalf("saving answers %d: %s", status, body)
	}
	address := header.Get("Location")
	u := mustURL(t, d.url+address)
	for name, want := range map[string]string{"status": "failed", "within": "24h", "code": "a,b", "q": "50% & more", "from": ""} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("the view has %s=%q, not %q", name, got, want)
		}
	}
	shown := func(p *person) bool {
		_, _, body := p.get("/renders")
		return strings.Contains(body, "Failed &lt;today&gt;") && strings.Contains(html.UnescapeString(body), `"`+address+`"`)
	}
	if !shown(p) {
		t.Error("who saved the view does not see it")
	}
	again := func(principal access.Principal) *person {
		if status, _, _ := p.post("/sign-in", url.Values{"link": {d.offer(principal)}}); status != http.StatusSeeOther {
			t.Fatalf("signing in again answers %d", status)
		}
		return p
	}
	user := uuid.New()
	if shown(again(access.Principal{Scope: access.Read, User: &user})) || shown(again(access.Principal{Scope: access.Read, Name: "Bob"})) {
		t.Error("somebody else in the same browser sees it")
	}
	if !shown(again(access.Principal{Scope: access.Read})) {
		t.Error("after signing in again, it is not there")
	}
	if shown(d.signedIn(access.Read, nil)) || shown(d.signedIn(access.Read, &user)) {
		t.Error("somebody else sees it")
	}
	for name, form := range map[string]url.Values{
		"no name": {"status": {"failed"}}, "no filter": {"name": {"All"}}, "a long name": {"name": {strings.Repeat("x", 101)}, "status": {"failed"}},
	} {
		if status, _, _ := p.post("/views", form); status != http.StatusUnprocessableEntity {
			t.Errorf("a view with %s answers %d", name, status)
		}
	}
	var id string
	if err := d.db.QueryRow(t.Context(), "select id::text from loom.saved_views").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := d.signedIn(access.Read, nil).post("/views/"+id+"/delete", nil); status != http.StatusNotFound {
		t.Errorf("deleting somebody else's view answers %d", status)
	}
	if status, _, _ := p.post("/views/"+id+"/delete", nil); status != http.StatusSeeOther || shown(p) {
		t.Errorf("deleting it answers %d", status)
	}
}
