package web_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/console/access"
)

// seeded is a database with 240 renders, made once.
var seeded = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
	if _, err := migrations.Apply(ctx, conn); err != nil {
		return err
	}
	return fill(ctx, conn, 240)
})

// all are the pages that an admin sees. ID stands for a render's id.
var all = []string{"/", "/renders", "/renders?status=failed", "/renders?q=nothing+like+it", "/renders/ID", "/bulk", "/bulk/new?status=failed&action=retry", "/new", "/preflights", "/preflights/" + somePreflight, "/webhooks", "/webhooks/new", "/webhooks/" + someEndpoint, "/deliveries?state=dead", "/deliveries/" + someDelivery, "/stages", "/dead", "/cache", "/tokens", "/audit", "/no-such-page"}

// someRender is the id of a render with a status.
func (d *dashboard) someRender(status string) (id string) {
	d.t.Helper()
	if err := d.db.QueryRow(d.t.Context(), "select id::text from public.renders where status = $1::text order by created_at desc limit 1", status).Scan(&id); err != nil {
		d.t.Fatal(err)
	}
	return id
}

// Faults that axe-core knows of the WCAG, levels A and AA, in both colours, wide and narrow; and
// anything that the policy of the page has refused.
func TestPagesAreAccessibleAndKeepTheirPolicy(t *testing.T) {
	axe, err := os.ReadFile("testdata/npm/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: make setup-npm installs it", err)
	}
	d := startOn(t, "/console", seeded.Database(t))
	d.put(pictureKey, grey(t))
	for _, colours := range []string{"light", "dark"} {
		for _, width := range []int{1280, 390} {
			// Half of the four, unless there is time.
			if os.Getenv("LOOM_LONG") == "" && (colours == "dark") != (width == 390) {
				continue
			}
			page := d.window(t, access.Admin, width)
			stop := noComplaints(t, page)
			prefer(t, page, colours)
			for _, path := range all {
				path = strings.ReplaceAll(path, "ID", d.someRender("failed"))
				page.MustNavigate(d.url + path).MustWaitLoad()
				if _, err := (proto.RuntimeEvaluate{Expression: string(axe)}).Call(page); err != nil {
					t.Fatal(err)
				}
				faults := page.MustEval(`async () => {
					const found = await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
					return found.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; "))
				}`)
				for _, fault := range faults.Arr() {
					t.Errorf("%s, %s, %d wide: %s", path, colours, width, fault)
				}
				if over := page.MustEval(`() => document.documentElement.scrollWidth - innerWidth`).Int(); over > 0 {
					t.Errorf("%s, %d wide: it is %d pixels wider than the window", path, width, over)
				}
				shoot(t, page, fmt.Sprintf("%s-%d-%s", colours, width, strings.NewReplacer("/", "_", "?", "_").Replace(path)))
			}
			stop()
		}
	}
}

// prefer has the window's system prefer colours.
func prefer(t *testing.T, page *rod.Page, colours string) {
	t.Helper()
	err := proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{
		{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}.Call(page)
	if err != nil {
		t.Fatal(err)
	}
}

// noComplaints fails the test for what the browser writes to the console of a page: what its policy
// has refused, and scripts that failed. stop ends that.
func noComplaints(t *testing.T, page *rod.Page) (stop func()) {
	t.Helper()
	_ = proto.LogEnable{}.Call(page)
	_ = proto.RuntimeEnable{}.Call(page)
	listening, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	wait := page.Context(listening).EachEvent(func(e *proto.LogEntryAdded) {
		if e.Entry.Level == proto.LogLogEntryLevelError && !strings.Contains(e.Entry.Text, "404") {
			t.Errorf("%s: %s", e.Entry.URL, e.Entry.Text)
		}
	}, func(e *proto.RuntimeExceptionThrown) {
		t.Errorf("a script failed: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
	})
	go func() {
		defer close(ended)
		wait()
	}()
	return func() {
		cancel()
		<-ended
	}
}

// Without scripts every page is read, and a render is found, made again and cancelled.
func TestEverythingWorksWithoutScripts(t *testing.T) {
	d := startOn(t, "", seeded.Database(t))
	d.put(pictureKey, grey(t))
	page := blank(t, 1280)
	// The pages have no scripts but those that they load.
	_ = proto.NetworkEnable{}.Call(page)
	if err := (proto.NetworkSetBlockedURLs{Urls: []string{"*.js"}}).Call(page); err != nil {
		t.Fatal(err)
	}
	visit(t, page, d.offer(access.Principal{Scope: access.Admin}))
	press(t, page, "button.main")
	for _, path := range all {
		path = strings.ReplaceAll(path, "ID", d.someRender("done"))
		visit(t, page, d.url+path)
		if text := page.MustElement("main").MustText(); len(text) < 20 {
			t.Errorf("%s shows %q", path, text)
		}
		if page.MustHas("html.js") {
			t.Fatal("scripts run")
		}
	}
	visit(t, page, d.url+"/renders")
	page.MustElement("#f-q").MustFocus()
	page.MustInsertText("Acme")
	press(t, page, ".filters button")
	for _, row := range page.MustElements("tr[data-row]") {
		if text := row.MustText(); !strings.Contains(text, "Acme") {
			t.Errorf("a search for Acme shows %q", text)
		}
	}
	id := d.someRender("failed")
	visit(t, page, d.url+"/renders/"+id)
	press(t, page, ".does form button.main")
	d.await("it has a job", "select exists (select from public.render_jobs where render_id = $1::uuid and state = 'queued')", id)
	id = d.someRender("recording")
	visit(t, page, d.url+"/renders/"+id)
	point(t, page, "button[popovertarget=cancel]")
	press(t, page, "#cancel form button")
	d.await("it is cancelled", "select status = 'cancelled' from public.renders where id = $1::uuid", id)
	visit(t, page, d.url+"/preflights/"+somePreflight)
	page.Timeout(patience).MustElement("#page-2 img").MustWaitLoad()
	press(t, page, ".head .does form button")
	d.await("no more pages are opened", "select not exists (select from loom.preflight_pages where state = 'due')")
	visit(t, page, d.url+"/stages")
	press(t, page, "#stage-record form button")
	d.await("the stage is paused", "select exists (select from loom.paused where kind = 'record')")
	visit(t, page, d.url+"/deliveries?state=dead&endpoint="+someEndpoint)
	point(t, page, "button[popovertarget=resend]")
	press(t, page, "#resend form button")
	d.await("what was dead is sent again", "select count(*) = 2 from loom.webhook_deliveries where state = 'pending'")
}

// visit opens a page.
func visit(t *testing.T, page *rod.Page, address string) {
	t.Helper()
	page = page.Timeout(patience)
	if err := page.Navigate(address); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	if err := page.WaitLoad(); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
}

// press presses a button that leads to another page, and waits until that is there.
func press(t *testing.T, page *rod.Page, selector string) {
	t.Helper()
	page.MustEval(`() => { document.isOld = true }`)
	point(t, page, selector)
	await(t, "another page behind "+selector, func() bool {
		is, err := page.Timeout(patience).Eval(`() => !document.isOld && document.readyState === "complete"`)
		return err == nil && is.Value.Bool() // an error: it is between two pages
	})
}

// point presses the mouse on something. The page may come just then, or put another element in its
// place.
func point(t *testing.T, page *rod.Page, selector string) {
	t.Helper()
	page = page.Timeout(patience)
	for {
		element, err := page.Element(selector)
		if err == nil {
			err = element.Click(proto.InputMouseButtonLeft, 1)
		}
		if err == nil {
			return
		}
		if page.GetContext().Err() != nil {
			t.Fatalf("%s: %v", selector, err)
		}
	}
}

// patience bounds every wait.
const patience = 2 * time.Minute

// await waits until a query answers true.
func (d *dashboard) await(what, sql string, args ...any) {
	d.t.Helper()
	await(d.t, what, func() (yes bool) {
		if err := d.db.QueryRow(d.t.Context(), sql, args...).Scan(&yes); err != nil {
			d.t.Fatal(err)
		}
		return yes
	})
}

// await waits until something is so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// What changes is shown at once, and not while updates are paused: not when the window gets the
// focus again, nor on the next page.
func TestAPauseOfLiveUpdatesHolds(t *testing.T) {
	d := startOn(t, "/console", seeded.Database(t))
	page := d.window(t, access.Read, 1280)
	id := d.someRender("recording")
	page.MustNavigate(d.url + "/renders/" + id).MustWaitLoad()
	shown := func() string { return page.MustElement("progress").MustProperty("value").String() }
	set := func(progress int) {
		if _, err := d.db.Exec(t.Context(), "update public.renders set progress = $2::int where id = $1::uuid", id, progress); err != nil {
			t.Fatal(err)
		}
		if err := d.nc.Publish("event."+id+".progress", nil); err != nil {
			t.Fatal(err)
		}
	}
	see := func(want string) {
		t.Helper()
		page.Timeout(patience).MustWait(`want => String(document.querySelector("progress").value) === want`, want)
	}
	page.Timeout(patience).MustWait(`() => Boolean(document.querySelector("#news")._htmx?.sse)`)
	set(81)
	see("81")
	page.MustElement("#pause").MustClick()
	requested := page.MustEval(`() => { window.asked = 0; document.addEventListener("htmx:after:request", () => window.asked++); return window.asked }`).Int()
	set(82)
	page.MustEval(`() => { window.dispatchEvent(new Event("focus")); document.dispatchEvent(new Event("visibilitychange")); htmx.trigger("#news", "changed") }`)
	// Longer than the server waits before it says that something may have changed.
	page.MustEval(`() => new Promise(done => setTimeout(done, 6000))`)
	if got := shown(); got != "81" {
		t.Errorf("while updates are paused, %s %% are shown", got)
	}
	if asked := page.MustEval(`() => window.asked`).Int(); asked != requested {
		t.Errorf("while updates are paused, the page was requested %d times", asked)
	}
	page.MustReload().MustWaitLoad()
	if text := page.MustElement("#pause").MustText(); text != "Paused" {
		t.Errorf("after a reload, updates are %s", text)
	}
	see("82")
	set(83)
	page.MustElement("#pause").MustClick()
	see("83")
	page.Timeout(patience).MustWait(`() => Boolean(document.querySelector("#news")._htmx?.sse)`)
	set(84)
	see("84")
}

func TestKeysLeadThroughTheList(t *testing.T) {
	d := startOn(t, "/console", seeded.Database(t))
	page := d.window(t, access.Write, 1280)
	page.MustNavigate(d.url + "/renders").MustWaitLoad()
	focused := func() string { return page.MustEval(`() => document.activeElement.textContent`).Str() }
	rows := page.MustElements("tr[data-row] a.open")
	for _, step := range []struct {
		key  rune
		want string
	}{{'j', rows[0].MustText()}, {'j', rows[1].MustText()}, {'k', rows[0].MustText()}} {
		page.Keyboard.MustType(keyOf(step.key))
		if got := focused(); got != step.want {
			t.Errorf("%c leads to %q, not %q", step.key, got, step.want)
		}
	}
	page.Keyboard.MustType(keyOf('?'))
	if !page.MustElement("#help").MustVisible() {
		t.Error("? shows no help")
	}
	page.MustElement("#help button").MustClick()
	page.Keyboard.MustType(keyOf('/'))
	if got := page.MustEval(`() => document.activeElement.id`).Str(); got != "search" {
		t.Errorf("/ leads to %q", got)
	}
}

// The clipboard's API is missing where a page came over plain http from another machine.
func TestCopyingWorksOverPlainHTTP(t *testing.T) {
	d := startOn(t, "", seeded.Database(t))
	page := d.window(t, access.Read, 1280)
	id := d.someRender("done")
	page.MustNavigate(d.url + "/renders/" + id).MustWaitLoad()
	page.MustEval(`() => { Object.defineProperty(window, "isSecureContext", {value: false}); document.addEventListener("copy", () => { window.copied = document.activeElement.value }) }`)
	page.MustElement(".does details.menu summary").MustClick()
	for _, button := range page.MustElements(".copies [data-copy]") {
		button.MustClick()
		want := *button.MustAttribute("data-copy")
		if got := page.MustEval(`() => window.copied`).Str(); got != want || !strings.Contains(got, id) {
			t.Errorf("%q was copied, not %q", got, want)
		}
	}
}

func TestAListThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	d := start(t, "")
	p := d.signedIn(access.Read, nil)
	if _, err := d.db.Exec(t.Context(), "alter table public.renders rename to away"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/renders", "/"} {
		status, _, body := p.get(path)
		if status < 500 || strings.Contains(body, "No renders yet") || !strings.Contains(body, "could not be loaded") {
			t.Errorf("%s answers %d: %.200s", path, status, body)
		}
	}
}
