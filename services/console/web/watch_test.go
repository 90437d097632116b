package web_test

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
)

// Somebody watches a render: the scene that is recorded has its last picture, which its recorder is
// asked for only then, and when the render is done the page has its video.
func TestARenderIsWatchedToItsEnd(t *testing.T) {
	d := startOn(t, "/console", seeded.Database(t))
	render := uuid.MustParse(d.someRender("recording"))
	var task, seq string
	err := d.db.QueryRow(t.Context(), "select id::text, seq::text from loom.tasks where render_id = $1::uuid and kind = 'record' and state = 'running'", render).Scan(&task, &seq)
	if err != nil {
		t.Fatal(err)
	}
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 64, 36)), nil); err != nil {
		t.Fatal(err)
	}
	asked, err := d.nc.Subscribe(msg.WatchSubject(render), func(*nats.Msg) {
		_ = d.nc.Publish(strings.TrimSuffix(msg.PicturesOf(render), "*")+task, picture.Bytes())
	})
	if err != nil {
		t.Fatal(err)
	}
	media, fetched := otherOrigin(t)
	page := d.window(t, access.Read, 1280)
	visit(t, page, d.url+"/renders")
	if n, _ := asked.Delivered(); n != 0 {
		t.Errorf("while nobody looks, recorders are asked %d times", n)
	}
	// The page is open before the plan is there: the strip is put in later.
	plan := func(kind string) {
		if _, err := d.db.Exec(t.Context(), "update loom.tasks set kind = $2::text where render_id = $1::uuid and kind in ('record', 'draw')", render, kind); err != nil {
			t.Fatal(err)
		}
	}
	plan("draw")
	visit(t, page, d.url+"/renders/"+render.String())
	page.Timeout(patience).MustWait(`() => Boolean(document.querySelector("#news")._htmx?.sse) && !document.querySelector(".strip")`)
	plan("record")
	if err := d.nc.Publish("event."+render.String()+".status", nil); err != nil {
		t.Fatal(err)
	}
	page.Timeout(patience).MustWait(`() => { const picture = document.querySelector("[data-picture] .shot > img"); return picture && picture.naturalWidth === 64 && picture.offsetWidth > 64 }`)
	shoot(t, page, "watched")
	if _, err := d.db.Exec(t.Context(), `update public.renders set status = 'done', progress = 100, completed_at = now(), final_video_url = $2::text where id = $1::uuid`,
		render, media+"/video.mp4"); err != nil {
		t.Fatal(err)
	}
	if err := d.nc.Publish("event."+render.String()+".status", nil); err != nil {
		t.Fatal(err)
	}
	// The page is loaded again meanwhile: it may be between the two, and an answer an error.
	await(t, "the page has the video", func() bool {
		is, err := page.Timeout(patience).Eval(`() => document.querySelector(".head .status")?.textContent === "done" && document.querySelectorAll(".player video, .shot video").length === 4`)
		return err == nil && is.Value.Bool()
	})
	// The policy of the page that was there when nobody knew of the video lets it be played.
	await(t, "the browser fetches the video", func() bool { return fetched.Load() > 0 })
}

// otherOrigin is a server that is not ours, as a store is: it has no file, and counts who asks.
func otherOrigin(t *testing.T) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// A form that somebody types in stays as it is while the list around it goes on: also when the page
// would have to be loaded again for a picture of an origin that it has not had.
func TestWhatSomebodyTypesStaysWhileTheListGoesOn(t *testing.T) {
	d := startOn(t, "/console", seeded.Database(t))
	media, fetched := otherOrigin(t)
	page := d.window(t, access.Write, 1280)
	visit(t, page, d.url+"/renders?status=active")
	page.Timeout(patience).MustWait(`() => Boolean(document.querySelector("#news")._htmx?.sse)`)
	page.MustElement("#f-q").MustInput("half a wo")
	point(t, page, ".onall details:last-of-type summary")
	page.MustElement("#v-name").MustInput("My vi")
	id := d.someRender("recording")
	if _, err := d.db.Exec(t.Context(), "update public.renders set progress = 77, thumb_small_url = $2::text where id = $1::uuid", id, media+"/small.jpg"); err != nil {
		t.Fatal(err)
	}
	if err := d.nc.Publish("event."+id+".progress", nil); err != nil {
		t.Fatal(err)
	}
	page.Timeout(patience).MustWait(`id => Boolean(document.getElementById("r-" + id)?.textContent.includes("77 %"))`, id)
	if text, name := page.MustElement("#f-q").MustProperty("value").Str(), page.MustElement("#v-name").MustProperty("value").Str(); text != "half a wo" || name != "My vi" {
		t.Errorf("what was typed is %q and %q", text, name)
	}
	if fetched.Load() != 0 {
		t.Error("the page loaded a picture that its policy does not name")
	}
	press(t, page, "#save-view button.main")
	await(t, "the next page shows the picture", func() bool { return fetched.Load() > 0 })
}

// The failure bundle of an attempt is reached by who may see the render, by a URL that is signed.
func TestAFailureBundleIsDownloadedByWhoMaySeeTheRender(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	id := d.someRender("failed")
	path := "/renders/" + id + "/bundle"
	p := d.signedIn(access.Read, nil)
	if status, _, _ := p.get(path); status != http.StatusNotFound {
		t.Errorf("a bundle that is not there answers %d", status)
	}
	var task string
	err := d.db.QueryRow(context.Background(), `update loom.attempts a set bundle_key = 'bundles/one.zip' from loom.tasks t
		where t.id = a.task_id and t.render_id = $1::uuid and a.outcome = 'failed' returning a.task_id::text`, id).Scan(&task)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, path + "?task=" + task + "&attempt=1"} {
		status, header, _ := p.get(path)
		if want := "https://store.example.com/" + d.bucket + "/bundles/one.zip?signed"; status != http.StatusSeeOther || header.Get("Location") != want {
			t.Errorf("%s answers %d, to %q", path, status, header.Get("Location"))
		}
	}
	_, _, body := p.get("/renders/" + id)
	if !strings.Contains(body, path) || strings.Contains(body, "store.example.com") || !strings.Contains(body, "Receipt") {
		t.Errorf("the render's page does not lead to its bundle and its receipt: %s", body)
	}
	user := uuid.New()
	if status, _, _ := d.signedIn(access.Admin, &user).get(path); status != http.StatusNotFound {
		t.Errorf("somebody else's bundle answers %d", status)
	}
}

// A render that has not ended says when it will, or why nobody can say that.
func TestARenderSaysWhenItEnds(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	p := d.signedIn(access.Read, nil)
	if _, _, body := p.get("/"); !strings.Contains(body, "end unknown: no ingest is running") {
		t.Errorf("the overview is %s", body)
	}
	if _, _, body := p.get("/renders?status=queued"); !strings.Contains(body, "· the next<") || !strings.Contains(body, "· 11 before it<") {
		t.Errorf("the list of queued renders is %s", body)
	}
	_, _, body := p.get("/renders/" + d.someRender("queued"))
	if !strings.Contains(body, "<dt>Queue</dt><dd>11 before it</dd>") || !strings.Contains(body, "no ingest is running") {
		t.Errorf("the page of a queued render is %s", body)
	}
}

// What a render used is on its page by stage, with what it costs; its report is a file.
func TestAReceiptHasCostsAndAReportIsAFile(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	p := d.signedIn(access.Read, nil)
	id := d.someRender("done")
	if status, _, _ := p.get("/renders/" + id + "/report"); status != http.StatusNotFound {
		t.Errorf("a report that is not there answers %d", status)
	}
	for _, sql := range []string{
		"update public.renders set report = '{\"bytes\": 4200000}' where id = $1::uuid",
		"update loom.attempts a set used = '{\"children_cpu_ms\": 90000, \"worker_cpu_ms\": 10000}' from loom.tasks t where t.id = a.task_id and t.render_id = $1::uuid and t.kind = 'upload'",
	} {
		if _, err := d.db.Exec(t.Context(), sql, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, body := p.get("/renders/" + id); !strings.Contains(body, `<th class="num">EUR</th>`) || !strings.Contains(body, `<td class="num">1.0000</td>`) {
		t.Errorf("the page of a render that has ended has no costs: %s", body)
	}
	status, header, body := p.get("/renders/" + id + "/report")
	if status != http.StatusOK || !strings.Contains(header.Get("Content-Disposition"), id) || !strings.Contains(body, `"bytes": 4200000`) {
		t.Errorf("the report answers %d: %s", status, body)
	}
}

// What is reused leads to the render that it was done for, in the strip, the timeline and the
// facts.
func TestWhatIsReusedLeadsToWhereItWasDone(t *testing.T) {
	t.Parallel()
	d := startOn(t, "/console", seeded.Database(t))
	p := d.signedIn(access.Read, nil)
	id, from := d.someRender("recording"), d.someRender("done")
	for _, sql := range []string{
		"update loom.tasks t set source = f.id, source_render = f.render_id from loom.tasks f where t.render_id = $1::uuid and f.render_id = $2::uuid and t.kind = 'record' and f.kind = 'record' and t.seq = 0 and f.seq = 0",
		"update loom.tasks set source = id, source_render = render_id where render_id = $1::uuid and kind = 'record' and seq = 1 and $2::uuid is not null",
	} {
		if _, err := d.db.Exec(t.Context(), sql, id, from); err != nil {
			t.Fatal(err)
		}
	}
	_, _, body := p.get("/renders/" + id)
	link := `<a href="/console/renders/` + from + `" title="from render ` + from[:8] + `">reused`
	if n := strings.Count(body, link); n != 2 {
		t.Errorf("the strip and the timeline lead %d times to the render %s: %s", n, from, body)
	}
	if !strings.Contains(body, `2 reused from <a class="mono" href="/console/renders/`+from+`">`) || strings.Contains(body, `/renders/`+id+`" title`) {
		t.Errorf("the facts are %s", body)
	}
}

var lastTick = regexp.MustCompile(`class="t100">([^<]*)<`)

// The timeline of a render that was retried begins when it was, not when it was first asked for:
// what runs could not be seen beside hours in which nothing happened.
func TestATimelineBeginsWithTheRetry(t *testing.T) {
	t.Parallel()
	d := startOn(t, "", seeded.Database(t))
	p := d.signedIn(access.Read, nil)
	id := d.someRender("done")
	_, _, before := p.get("/renders/" + id)
	if _, err := d.db.Exec(t.Context(), "update public.renders set created_at = created_at - interval '5 hours' where id = $1::uuid", id); err != nil {
		t.Fatal(err)
	}
	_, _, after := p.get("/renders/" + id)
	want, got := lastTick.FindStringSubmatch(before), lastTick.FindStringSubmatch(after)
	if want == nil || got == nil || want[1] != got[1] || !strings.Contains(after, "<dt>Took</dt><dd>5 h") {
		t.Errorf("the timeline ends after %q, not %q", got, want)
	}
}
