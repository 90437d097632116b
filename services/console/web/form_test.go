package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// A form holds nothing up that does not come, and one that is too large is no form.
func TestAFormThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	d.server.FormWithin(200 * time.Millisecond)
	body, rest := io.Pipe()
	go func() { _, _ = io.WriteString(rest, "link=") }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/sign-in", body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := d.visitor().client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), "came too slowly") {
		t.Errorf("it answers %d: %s, %v", answer.StatusCode, text, err)
	}
	_, _ = answer.Body.Close(), rest.Close()
	d.server.FormWithin(time.Minute)
	if status, _, text := d.visitor().post("/sign-in", url.Values{"link": {strings.Repeat("x", 300_000)}}); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "too large") {
		t.Errorf("a form of 300 kB answers %d: %s", status, text)
	}
}

// A browser runs no script whose type is another: it is told not to guess.
func TestAssetsHaveTheirTypes(t *testing.T) {
	t.Parallel()
	d := start(t, "/console")
	p := d.visitor()
	_, _, body := p.get("/")
	found := regexp.MustCompile(`"/console(/assets/[^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(found) != 5 {
		t.Errorf("a page loads %d assets: %s", len(found), body)
	}
	for _, path := range found {
		status, header, _ := p.get(path[1])
		want := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}[path[1][strings.LastIndex(path[1], ".")+1:]]
		if got := header.Get("Content-Type"); status != http.StatusOK || got != want || !strings.Contains(header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s answers %d, %s, %s", path[1], status, got, header.Get("Cache-Control"))
		}
	}
}

// What is wrong with a token is said beside what was typed, and nothing of what goes wrong on our
// side.
func TestTheFormOfATokenKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	p := d.signedIn(access.Admin, nil)
	for name, form := range map[string]url.Values{
		"no id":          {"name": {"Shop"}, "scope": {"write"}, "hours": {"2160"}, "user": {"Ada"}},
		"a scope":        {"name": {"Shop"}, "scope": {"all"}, "hours": {"2160"}},
		"no name":        {"name": {" "}, "scope": {"write"}, "hours": {"2160"}},
		"too many hours": {"name": {"Shop"}, "scope": {"write"}, "hours": {"99999999"}},
	} {
		status, _, body := p.post("/tokens", form)
		if status != http.StatusUnprocessableEntity || !strings.Contains(body, `role="alert"`) || strings.Contains(body, "no such token can be made") {
			t.Errorf("%s: it answers %d: %s", name, status, body)
		}
		if name == "no id" && (!strings.Contains(body, `value="Shop"`) || !strings.Contains(body, `value="Ada"`) || !strings.Contains(body, "<option selected>write") || !strings.Contains(body, `value="2160" selected`)) {
			t.Errorf("the form has lost what was typed: %s", body)
		}
	}
	if status, _, body := p.post("/tokens", url.Values{"name": {"Shop"}, "scope": {"write"}}); status != http.StatusOK || strings.Count(body, "loom_") < 2 {
		t.Errorf("it answers %d: %s", status, body)
	}
	if _, err := d.db.Exec(t.Context(), "alter table loom.api_tokens rename to away"); err != nil {
		t.Fatal(err)
	}
	if status, _, body := p.post("/tokens", url.Values{"name": {"Shop"}, "scope": {"write"}}); status != http.StatusServiceUnavailable || strings.Contains(body, "api_tokens") {
		t.Errorf("without the database, it answers %d: %s", status, body)
	}
}

// The audit log is read page by page, to its end and back, and by all that its filter says.
func TestTheAuditLogIsReadPageByPage(t *testing.T) {
	t.Parallel()
	d := start(t, "/console")
	p := d.signedIn(access.Admin, nil)
	if _, _, body := p.get("/audit"); !strings.Contains(body, "Nothing was changed yet") {
		t.Errorf("the empty log is %s", body)
	}
	if _, err := d.db.Exec(t.Context(), `insert into loom.audit (at, kind, actor, name, action, target, detail)
		select now() - n * interval '1 minute', 'operator', 'ada', 'Ada <b>', 'render.priority', 'render/' || n, '{"priority": 5, "none": null}' from generate_series(100, 1, -1) n`); err != nil {
		t.Fatal(err)
	}
	older := regexp.MustCompile(`href="/console([^"]+)" rel="next"`)
	path, seen, pages := "/audit", 0, 0
	for path != "" {
		status, _, body := p.get(path)
		seen, pages = seen+strings.Count(body, ">render/"), pages+1
		if status != http.StatusOK || !strings.Contains(body, "Ada &lt;b&gt;") || !strings.Contains(body, "priority: 5<") {
			t.Fatalf("%s answers %d: %s", path, status, body)
		}
		if (pages > 1) != strings.Contains(body, `href="/console/audit">Newest`) {
			t.Errorf("page %d leads to the newest: %s", pages, body)
		}
		path = ""
		if next := older.FindStringSubmatch(body); next != nil {
			path = next[1]
		}
	}
	if seen != 100 || pages != 2 {
		t.Errorf("%d pages have %d changes", pages, seen)
	}
	for query, want := range map[string]int{"within=1h&actor=ada": 50, "target=render/7": 1, "action=render.cancel": 0} {
		if _, _, body := p.get("/audit?" + query); strings.Count(body, ">render/") != want || want == 0 != strings.Contains(body, "Nothing matches") {
			t.Errorf("%s shows %d changes", query, strings.Count(body, ">render/"))
		}
	}
	for _, query := range []string{"after=x", "after=-1", "within=long"} {
		if status, _, _ := p.get("/audit?" + query); status != http.StatusUnprocessableEntity {
			t.Errorf("%s answers %d", query, status)
		}
	}
}

// Somebody else's transaction that holds a render is nothing that is wrong with the console.
func TestRowsThatAreHeldAreSaidToBe(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	p := d.signedIn(access.Write, nil)
	id := d.someRender("recording")
	holder, err := pgx.ConnectConfig(t.Context(), d.db.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(t.Context()) }()
	for _, sql := range []string{"begin", fmt.Sprintf("select from public.renders where id = '%s' for update", id)} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	status, header, body := p.post("/renders/"+id+"/cancel", nil)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "3" || !strings.Contains(body, "Somebody else is changing this") {
		t.Errorf("it answers %d, Retry-After %q: %s", status, header.Get("Retry-After"), body)
	}
}
