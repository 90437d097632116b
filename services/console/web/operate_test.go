package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-rod/rod"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// read waits until an element of a page has a text.
func read(t *testing.T, page *rod.Page, selector, want string) {
	t.Helper()
	await(t, selector+" says "+want, func() bool {
		is, err := page.Timeout(patience).Eval(`(selector, want) => Boolean(document.querySelector(selector)?.textContent.includes(want))`, selector, want)
		return err == nil && is.Value.Bool() // an error: it is between two pages
	})
}

// An operator cancels a render, pauses and resumes a stage, and sends a delivery again, each by the
// buttons of a page with scripts. What is asked for first can be left.
func TestAnOperatorWorksInTheBrowser(t *testing.T) {
	d := startOn(t, "/console", seeded.Database(t))
	page := d.window(t, access.Write, 1280)
	stop := noComplaints(t, page)
	defer stop()

	id := d.someRender("recording")
	visit(t, page, d.url+"/renders/"+id)
	point(t, page, "button[popovertarget=cancel]")
	point(t, page, "#cancel button[popovertargetaction=hide]")
	page.Timeout(patience).MustWait(`() => !document.querySelector("#cancel").matches(":popover-open")`)
	read(t, page, ".head .status", "recording")
	point(t, page, "button[popovertarget=cancel]")
	press(t, page, "#cancel form button")
	read(t, page, "[data-notice]", "The render is cancelled.")
	read(t, page, ".head .status", "cancelled")
	d.await("it is cancelled", "select status = 'cancelled' from public.renders where id = $1::uuid", id)
	if !page.MustHas(`form[action$="/retry"]`) || page.MustHas("button[popovertarget=cancel]") {
		t.Error("a render that was cancelled can be retried, and not cancelled")
	}

	visit(t, page, d.url+"/stages")
	press(t, page, `#stage-transcode form[action$="/pause"] button`)
	read(t, page, "#stage-transcode header", "paused")
	read(t, page, "[data-notice]", "Paused: concat, draw, normalize, overlay, probe.")
	d.await("no task of it begins", "select count(*) = 5 from loom.paused")
	if page.MustHas(`#stage-transcode form[action$="/pause"]`) || page.MustHas(`#stage-record form[action$="/resume"]`) {
		t.Error("what is paused cannot be paused, and what is not cannot be resumed")
	}
	press(t, page, `#stage-transcode form[action$="/resume"] button`)
	read(t, page, "[data-notice]", "Resumed:")
	d.await("its tasks begin again", "select count(*) = 0 from loom.paused")

	visit(t, page, d.url+"/deliveries/"+someDelivery)
	read(t, page, ".head .status", "dead")
	press(t, page, ".head .does form button")
	read(t, page, "[data-notice]", "sent again, with the same webhook-id")
	read(t, page, ".head .status", "pending")
	d.await("it is to be sent", "select state = 'pending' and event_id = '00000000-0000-4000-8000-00000000e101' from loom.webhook_deliveries where id = $1::uuid", someDelivery)
	d.await("all of it is in the audit log", `select array_agg(distinct action order by action) @> '{render.cancel,stage.pause,stage.resume,webhook_delivery.resend}' from loom.audit where kind = 'session'`)
}

// Who may only read has no buttons that change anything, in any page; and the server refuses what a
// script of theirs sends, which comes from the same site and with their session.
func TestAReaderHasNoButtonsAndIsRefused(t *testing.T) {
	d := startOn(t, "/console", seeded.Database(t))
	page := d.window(t, access.Read, 1280)
	ids := strings.NewReplacer("ID", d.someRender("recording"))
	for _, path := range all {
		if strings.HasPrefix(path, "/bulk/new") || strings.HasSuffix(path, "/new") || path == "/tokens" || path == "/audit" || path == "/no-such-page" {
			continue // the server refuses these pages as a whole
		}
		visit(t, page, d.url+ids.Replace(path))
		// They may sign out, and save views, which are theirs.
		found := page.MustEval(`() => [...document.querySelectorAll("form[method=post]:not([action$='/sign-out'], #save-view), button[popovertarget], main [type=checkbox], .top .button.main, main form[action*='/bulk']")].map(e => e.outerHTML)`).Arr()
		if len(found) > 0 {
			t.Errorf("%s has %v", path, found)
		}
	}
	names := strings.NewReplacer("{stage}", "record", "{id}", uuid.NewString())
	tried := 0
	for _, rt := range d.server.Routes() {
		path, action := strings.CutPrefix(rt.Pattern, "POST ")
		if !action || slices.Contains([]string{"/sign-out", "/views", "/views/{id}/delete"}, path) {
			continue // what is theirs
		}
		tried++
		if status := page.MustEval(`async path => (await fetch(path, {method: "POST", body: new URLSearchParams({kind: "record", code: "scene_timeout", state: "dead"})})).status`, "/console"+names.Replace(path)).Int(); status != http.StatusForbidden {
			t.Errorf("%s answers a reader's script with %d", rt.Pattern, status)
		}
	}
	if tried < 15 {
		t.Errorf("%d actions were tried", tried)
	}
	d.await("nothing was changed", "select (select count(*) = 0 from loom.audit) and (select count(*) = 0 from loom.paused) and (select count(*) = 0 from loom.webhook_deliveries where state = 'pending')")
}
