package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
)

func TestALinkSignsInOnceAndOpeningItUsesNothingUp(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	link := d.offer(access.Principal{Scope: access.Read})
	p := d.visitor()
	for range 2 {
		if status, _, body := p.get(link); status != http.StatusOK || !strings.Contains(body, "Sign in to the dashboard") {
			t.Fatalf("the link's page answers %d: %.300s", status, body)
		}
	}
	if status, _, _ := p.get("/renders"); status != http.StatusUnauthorized {
		t.Errorf("without a session, the list answers %d", status)
	}
	status, header, _ := p.post("/sign-in", url.Values{"link": {link}, "next": {"/renders"}})
	cookie := header.Get("Set-Cookie")
	if status != http.StatusSeeOther || header.Get("Location") != "/renders" {
		t.Fatalf("signing in answers %d, to %q", status, header.Get("Location"))
	}
	for _, flag := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, flag) {
			t.Errorf("the cookie is not %s: %s", flag, cookie)
		}
	}
	if status, _, _ := p.get("/renders"); status != http.StatusOK {
		t.Errorf("with a session, the list answers %d", status)
	}
	if status, _, body := d.visitor().post("/sign-in", url.Values{"link": {link}}); status != http.StatusUnauthorized || !strings.Contains(body, "has been used") {
		t.Errorf("the second use answers %d", status)
	}
	// Neither secret is in the database, as it is or as bytes.
	_, secret, _ := strings.Cut(link, "link=")
	name, _, _ := strings.Cut(cookie, ";")
	_, session, _ := strings.Cut(name, "=")
	var found int
	err := d.db.QueryRow(t.Context(), `select count(*) from (select l::text as row from loom.sign_in_links l union all select s::text from loom.sessions s) r
		where exists (select from unnest(array[$1::text, $2::text]) s
			where position(s in r.row) > 0 or position(encode(convert_to(s, 'UTF8'), 'hex') in r.row) > 0)`, secret, session).Scan(&found)
	if err != nil || found != 0 {
		t.Errorf("%d rows have a secret, %v", found, err)
	}
	if status, _, _ := p.post("/sign-out", nil); status != http.StatusSeeOther {
		t.Errorf("signing out answers %d", status)
	}
	p.client.Jar.SetCookies(mustURL(t, d.url), []*http.Cookie{{Name: "loom_session", Value: session}})
	if status, _, _ := p.get("/renders"); status != http.StatusUnauthorized {
		t.Errorf("after signing out, the old cookie's answer is %d", status)
	}
}

func TestALinkOrASessionThatIsTooOldIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	link := d.offer(access.Principal{Scope: access.Read})
	p := d.signedIn(access.Read, nil)
	for sql, check := range map[string]func() int{
		"update loom.sign_in_links set expires_at = now() - interval '1 second'": func() int {
			status, _, _ := d.visitor().post("/sign-in", url.Values{"link": {link}})
			return status
		},
		"update loom.sessions set seen_at = now() - interval '8 days'": func() int {
			status, _, _ := p.get("/renders")
			return status
		},
	} {
		if _, err := d.db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if status := check(); status != http.StatusUnauthorized {
			t.Errorf("after %q the answer is %d", sql, status)
		}
	}
}

// Browsers name the site that a request comes from, or the origin.
func TestOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	p := d.signedIn(access.Admin, nil)
	for name, header := range map[string]http.Header{
		"another site":           {"Sec-Fetch-Site": {"cross-site"}},
		"another host's site":    {"Sec-Fetch-Site": {"same-site"}},
		"an older browser's":     {"Origin": {"https://evil.example"}},
		"a sandboxed frame":      {"Origin": {"null"}},
		"another port's origin":  {"Origin": {"http://127.0.0.1:1"}},
		"a site and an own name": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
	} {
		if status, _, _ := p.do(http.MethodPost, "/sign-out", url.Values{}, header); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := p.get("/renders"); status != http.StatusOK {
		t.Errorf("somebody else has signed us out: %d", status)
	}
}

// Whatever buttons a page shows, it is the server that refuses. A role is refused all that takes
// more, and nothing else.
func TestTheServerRefusesWhatARoleMayNotDo(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	none := uuid.NewString()
	for _, scope := range access.Scopes {
		p := d.signedIn(scope, nil)
		for _, rt := range d.server.Routes() {
			if rt.Pattern == "POST /sign-out" || rt.Pattern == "GET /live" {
				continue
			}
			method, path, _ := strings.Cut(rt.Pattern, " ")
			path = strings.NewReplacer("{$}", "", "{id}", none, "{stage}", "record", "{scene}", "1", "{name}", "x").Replace(path)
			var status int
			if method == http.MethodPost {
				status, _, _ = p.post(path, url.Values{})
			} else {
				status, _, _ = p.get(path)
			}
			if refused := status == http.StatusForbidden; refused == scope.Covers(rt.Scope) {
				t.Errorf("%s with %s: %d; it takes %s", rt.Pattern, scope, status, rt.Scope)
			}
			if status, _, _ := d.visitor().do(method, path, url.Values{}, http.Header{"Sec-Fetch-Site": {"same-origin"}}); status != http.StatusUnauthorized {
				t.Errorf("%s without signing in: %d", rt.Pattern, status)
			}
		}
	}
}

func TestOthersRendersDoNotExist(t *testing.T) {
	t.Parallel()
	database := migrated.Database(t)
	seed(t, database, 40)
	d := startOn(t, "", database)
	mine := uuid.MustParse("00000000-0000-4000-8000-000000000003")
	p := d.signedIn(access.Write, &mine)
	rows, err := d.db.Query(t.Context(), "select r.id, c.user_id from public.renders r join public.campaigns c on c.id = r.campaign_id")
	if err != nil {
		t.Fatal(err)
	}
	owners := map[uuid.UUID]uuid.UUID{}
	for rows.Next() {
		var id, owner uuid.UUID
		if err := rows.Scan(&id, &owner); err != nil {
			t.Fatal(err)
		}
		owners[id] = owner
	}
	_, _, list := p.get("/renders")
	for id, owner := range owners {
		if strings.Contains(list, id.String()) != (owner == mine) {
			t.Errorf("the list shows %s of %s: %v", id, owner, owner != mine)
		}
		want := http.StatusNotFound
		if owner == mine {
			want = http.StatusOK
		}
		if status, _, _ := p.get("/renders/" + id.String()); status != want {
			t.Errorf("the page of a render of %s answers %d", owner, status)
		}
		for _, part := range []string{"/bundle", "/report", "/scenes/1/picture"} {
			if owner == mine {
				break
			}
			if status, _, body := p.get("/renders/" + id.String() + part); status != http.StatusNotFound || !strings.Contains(body, "nothing with that id") {
				t.Errorf("%s of a render of %s answers %d", part, owner, status)
			}
		}
		if status, _, _ := p.post("/renders/"+id.String()+"/cancel", nil); owner != mine && status != http.StatusNotFound {
			t.Errorf("cancelling a render of %s answers %d", owner, status)
		}
	}
}

func TestAfterSigningInNobodyIsSentToAnotherServer(t *testing.T) {
	t.Parallel()
	d := start(t, "/console")
	for next, want := range map[string]string{
		"/renders?status=failed": "/console/renders?status=failed", "https://evil.example/": "/console/", "//evil.example": "/console/",
		"/\\evil.example": "/console/", "": "/console/", "javascript:alert(1)": "/console/",
	} {
		link := d.offer(access.Principal{Scope: access.Read})
		if _, header, _ := d.visitor().post("/sign-in", url.Values{"link": {link}, "next": {next}}); header.Get("Location") != want {
			t.Errorf("%q leads to %q, not %q", next, header.Get("Location"), want)
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The database is not asked about each session or link of somebody who guesses. Who is signed in at
// the same address goes on.
func TestWhoGuessesWaits(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	p, guesser := d.signedIn(access.Read, nil), d.visitor()
	for name, guess := range map[string]func() (int, http.Header, string){
		"a session": func() (int, http.Header, string) {
			return guesser.do(http.MethodGet, "/renders", nil, http.Header{"Cookie": {"loom_session=" + strings.Repeat("x", 43)}})
		},
		"a link": func() (int, http.Header, string) { return guesser.post("/sign-in", url.Values{"link": {"x"}}) },
	} {
		refused := false
		for range 1000 {
			status, header, body := guess()
			if refused = status == http.StatusTooManyRequests; refused {
				if header.Get("Retry-After") != "1" || !strings.Contains(body, "Too many tries") {
					t.Errorf("%s: Retry-After %q: %s", name, header.Get("Retry-After"), body)
				}
				break
			}
			if status != http.StatusUnauthorized {
				t.Fatalf("%s that is wrong answers %d", name, status)
			}
		}
		if !refused {
			t.Errorf("%s is guessed 1000 times", name)
		}
	}
	if status, _, _ := p.get("/renders"); status != http.StatusOK {
		t.Errorf("who is signed in is answered %d", status)
	}
}
