package recorder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// long asks for the long forms of tests.
var long = os.Getenv("LOOM_LONG") == "1"

// moving shows another picture in each frame.
const moving = `<h1 id=count>0</h1><script>
	let count = 0
	requestAnimationFrame(function f() { document.getElementById("count").textContent = ++count; requestAnimationFrame(f) })
</script>`

// page is an HTML page.
func page(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html>"+body)
	}
}

// script is a moving page with a script.
func script(code string) http.HandlerFunc { return page(moving + "<script>" + code + "</script>") }

// flood answers with n bytes, again and again the same chunk.
func flood(contentType, chunk string, n int) http.HandlerFunc {
	block := strings.Repeat(chunk, 64<<10/len(chunk))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for sent := 0; sent < n; sent += len(block) {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}
}

// silent answers nothing until the client goes away.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// answers answers with a status and a header.
func answers(code int, name, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(name, value)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "no page")
	}
}

// misbehaviour is a page, and what becomes of it.
type misbehaviour struct {
	name string
	page http.HandlerFunc
	// body is what a moving page has besides, instead of page. It does others' bodies no harm: in
	// the short form, one page has them all.
	body string
	// url is the page's where it is not a server's of the test.
	url string
	// codes are what it may end with, "" if it may be recorded too; none: it is recorded.
	codes []msg.Code
	// elsewhere: other tests promise the same, of package capture or of this one. Only the long
	// form has it.
	elsewhere bool
	// heavy pages keep a machine busy for a minute.
	heavy bool
	// frames are how many are recorded, 30 by default.
	frames int
}

const mb = 1 << 20

func misbehaviours(t *testing.T) []misbehaviour {
	t.Helper()
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Close()
	tls := httptest.NewUnstartedServer(page(moving))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	code := func(codes ...msg.Code) []msg.Code { return codes }
	return []misbehaviour{
		{name: "no such host", url: "https://no-such-host.invalid/", codes: code(msg.CodeSceneUnresolved), elsewhere: true},
		{name: "connection refused", url: "http://" + refused.Addr().String(), codes: code(msg.CodeSceneUnreachable), elsewhere: true},
		{name: "certificate not valid", url: tls.URL, codes: code(msg.CodeSceneTLS), elsewhere: true},
		{name: "404", page: answers(404, "X-Page", "none"), codes: code(msg.CodeSceneStatus), elsewhere: true},
		{name: "503", page: answers(503, "Retry-After", "60"), codes: code(msg.CodeSceneStatus), elsewhere: true},
		{name: "redirect loop", page: answers(302, "Location", "?"), codes: code(msg.CodeSceneRedirects), elsewhere: true},
		{name: "redirect loop by script", page: page(`<script>location.reload()</script>`), codes: code(msg.CodeSceneRedirects), elsewhere: true},
		{name: "bot challenge", page: answers(403, "CF-Mitigated", "challenge"), codes: code(msg.CodeSceneChallenge), elsewhere: true},
		{name: "login", page: answers(401, "WWW-Authenticate", `Basic realm="x"`), codes: code(msg.CodeSceneLogin), elsewhere: true},
		{name: "proxy login", page: answers(407, "Proxy-Authenticate", `Basic realm="x"`), codes: code(msg.CodeSceneStatus)},
		{name: "logins of parts", body: `<img src=/login><img src=/proxy-login><iframe src=/login></iframe>`},
		{name: "address of the machine's own", url: "http://169.254.169.254/", codes: code(msg.CodeSceneRefused), elsewhere: true},
		{name: "download", page: answers(200, "Content-Disposition", "attachment"), codes: code(msg.CodeSceneNotAPage), elsewhere: true},
		{name: "no answer", page: silent, codes: code(msg.CodeSceneTimeout), elsewhere: true},
		{name: "load never ends", page: page(`<script src=/silent></script>` + moving), codes: code(msg.CodeSceneTimeout), elsewhere: true},
		{name: "document never ends", page: flood("text/html", "Hello, world ", 1<<62), codes: code(msg.CodeSceneTimeout, msg.CodeSceneMemory)},
		{name: "fetch never answers", body: `<script>fetch("/silent")</script>`},
		{name: "fetches never answer", body: `<script>setInterval(() => fetch("/silent?" + Math.random()), 20)</script>`},
		{name: "endless script", page: page(`<script>for (;;);</script>`), codes: code(msg.CodeSceneTimeout), elsewhere: true},
		{name: "endless script, later", page: script(`setTimeout(() => { for (;;); }, 100)`), codes: code(msg.CodeSceneTimeout), elsewhere: true},
		{name: "endless script in a worker", page: script(`new Worker(URL.createObjectURL(new Blob(["for (;;);"])))`), frames: 10},
		{name: "endless recursion", body: `<script>(function f() { f() })()</script>`},
		{name: "crash", page: script(`"a".repeat(2 ** 27 + 4096).split("")`), codes: code(msg.CodeSceneCrashed), elsewhere: true},
		{name: "memory, of a script", page: script(`const a = []
			setInterval(() => { for (let i = 0; i < 10; i++) a.push(new Array(1e6).fill(Math.random())) }, 5)`), codes: code(msg.CodeSceneMemory)},
		{name: "memory, of buffers", page: script(`const a = []; setInterval(() => a.push(new Uint8Array(1e8).fill(7)), 5)`), codes: code(msg.CodeSceneMemory), elsewhere: true},
		{name: "memory, of workers", page: script(`const code = "const a = []; for (;;) a.push(new Uint8Array(1e7).fill(7))"
			setInterval(() => new Worker(URL.createObjectURL(new Blob([code]))), 50)`), codes: code(msg.CodeSceneMemory),
			frames: 3000}, // workers allocate in real time, which few frames may not take
		{name: "memory, of canvases", page: script(`setInterval(() => { const c = document.createElement("canvas"); c.width = c.height = 8000
			c.getContext("2d").fillRect(0, 0, 8000, 8000); document.body.append(c) }, 10)`), codes: code(msg.CodeSceneMemory)},
		{name: "dialogs", body: `<script>alert(1); confirm(2); prompt(3); setInterval(() => { alert(4); confirm(5); prompt(6) }, 10)</script>`},
		{name: "dialogs in a loop", page: page(`<script>for (;;) alert(1)</script>`), codes: code(msg.CodeSceneTimeout)},
		{name: "dialogs in a frame", body: `<iframe src=/dialogs></iframe>`},
		{name: "dialogs of another site's frame", body: `<script>const f = document.createElement("iframe")
			f.src = "http://localhost:" + location.port + "/dialogs"; document.body.append(f)</script>`},
		{name: "dialogs before it leaves", page: script(`onbeforeunload = e => { e.preventDefault(); return "stay" }
			setInterval(() => confirm(1), 10); setTimeout(() => location.reload(), 200)`)},
		{name: "popups", body: `<script>setInterval(() => window.open("/endless"), 20)</script>`},
		{name: "popups by links", body: `<a id=opens target=_blank href=/endless>a</a><script>opens.click(); setInterval(() => opens.click(), 20)</script>`},
		{name: "downloads", body: `<a id=loads download href=/flood>a</a><script>loads.click(); setInterval(() => loads.click(), 100)</script>`},
		{name: "a download, nothing or another program instead of the next page", page: script(`
			onload = () => { ["/flood", "/nothing", "intent://open", "/flood"].forEach((to, i) => setTimeout(() => { location = to }, 60 * i)) }`)},
		{name: "a download, as it loads", page: page(moving + `<script>location = "/flood"</script><p>more`)},
		{name: "stops its own load", page: page(moving + `<script>stop()</script><p>more`)},
		{name: "another program, as it loads", page: page(moving + `<script>location = "intent://open"</script><p>more`), codes: code(msg.CodeSceneRefused)},
		{name: "redirect to another program", page: answers(302, "Location", "mailto:a@b.invalid"), codes: code(msg.CodeSceneRefused)},
		{name: "permissions", body: `<script>const forever = () => { for (;;); }
			navigator.geolocation.getCurrentPosition(forever, () => {}); Notification.requestPermission(p => p == "granted" && forever())
			navigator.mediaDevices.getUserMedia({video: true, audio: true}).then(forever, () => {})
			navigator.clipboard.readText().then(forever, () => {})</script>`},
		{name: "service worker", page: script(`navigator.serviceWorker.register("/worker.js"); setInterval(() => fetch("/login"), 100)`)},
		{name: "print()", body: `<script>print(); setInterval(() => print(), 50)</script>`},
		{name: "debugger", body: `<script>debugger; setInterval(() => { debugger }, 10)</script>`},
		{name: "fullscreen and pointer lock", body: `<script>setInterval(() => {
			document.documentElement.requestFullscreen().catch(() => {}); document.body.requestPointerLock() }, 20)</script>`},
		{name: "an image and a fetch of many MB", page: page(moving + `<img src=/image><script>fetch("/flood").then(r => r.arrayBuffer()).then(b => window.kept = b)</script>`)},
		{name: "a script of 200 MB", page: page(moving + `<script src=/script></script>`), codes: code("", msg.CodeSceneTimeout, msg.CodeSceneMemory), heavy: true},
		{name: "a document of 200 MB", page: flood("text/html", "<p>Hello, world</p>\n", 200*mb), codes: code(msg.CodeSceneTimeout, msg.CodeSceneMemory), heavy: true},
		{name: "a text of 200 MB", page: flood("text/html", "Hello, world ", 200*mb), codes: code(msg.CodeSceneTimeout, msg.CodeSceneMemory, msg.CodeSceneCrashed), heavy: true},
	}
}

// many is how many bytes a part has that is large.
func many() int {
	if long {
		return 200 * mb
	}
	return 50 * mb
}

// parts are what misbehaving pages load.
var parts = map[string]http.HandlerFunc{
	"/login":       answers(401, "WWW-Authenticate", `Basic realm="x"`),
	"/proxy-login": answers(407, "Proxy-Authenticate", `Basic realm="x"`),
	"/silent":      silent,
	"/endless":     page(`<script>for (;;);</script>`),
	"/dialogs":     page(`<script>alert(1); setInterval(() => { alert(2); confirm(3) }, 10); setTimeout(() => location.reload(), 100)</script>`),
	"/nothing":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"/flood":       flood("application/octet-stream", "x", many()),
	"/image":       flood("image/png", "\x89PNG\r\n\x1a\n", many()),
	"/script":      flood("text/javascript", "f = 1;\n", 200*mb),
	"/worker.js": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `oninstall = () => skipWaiting(); onactivate = e => e.waitUntil(clients.claim())
			onfetch = e => e.respondWith(new Promise(r => setTimeout(() => r(new Response("late")), 1000)))`)
	},
}

// Bounds for pages that are recorded, and for those that are not: a test does not wait as long as a
// user would.
var (
	patient = capture.Bounds{Load: 25 * time.Second, Request: 400 * time.Millisecond, Requests: 2 * time.Second, Call: 15 * time.Second}
	hasty   = capture.Bounds{Load: 1500 * time.Millisecond, Request: 400 * time.Millisecond, Requests: time.Second, Call: 2 * time.Second}
)

// Limits of Chrome's memory: one that pages do not come to, and one that is soon used up.
const roomy, tight = 1500 * mb, 600 * mb

// inForm returns the pages of the short form, or all of them.
func inForm(all []misbehaviour) (pages []misbehaviour) {
	var bodies strings.Builder
	for _, p := range all {
		switch {
		case p.body != "" && long:
			p.page = page(moving + p.body)
			pages = append(pages, p)
		case p.body != "":
			bodies.WriteString(p.body)
		case long || !p.elsewhere:
			pages = append(pages, p)
		}
	}
	if bodies.Len() > 0 {
		pages = append(pages, misbehaviour{name: "all that does others no harm", page: page(moving + bodies.String())})
	}
	return pages
}

// TestPagesThatMisbehave prints a table with -v. With LOOM_LONG=1 bounds and limits are those of
// users.
func TestPagesThatMisbehave(t *testing.T) {
	pages := inForm(misbehaviours(t))
	mux := http.NewServeMux()
	for path, part := range parts {
		mux.Handle(path, part)
	}
	for i, p := range pages {
		if p.page != nil {
			mux.Handle(fmt.Sprintf("/%d", i), p.page)
		}
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)

	var mu sync.Mutex
	rows := make([]string, len(pages))
	t.Cleanup(func() {
		var table strings.Builder
		columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
		_, _ = io.WriteString(columns, strings.Join(rows, ""))
		_ = columns.Flush()
		t.Logf("pages that misbehave:\n%s", table.String())
	})
	for i, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			if p.heavy && !long {
				t.Skip("takes a minute of a machine: LOOM_LONG=1")
			}
			if !long { // most of them wait
				t.Parallel()
			}
			row := func(end string, took float64) {
				mu.Lock()
				defer mu.Unlock()
				rows[i] = fmt.Sprintf("%s\t%s\t%.1f s\n", p.name, end, took)
			}
			h := testHandler(t)
			address := p.url
			if p.page != nil {
				address = fmt.Sprintf("%s/%d", srv.URL, i)
			}
			if !long {
				h.memory, h.bounds = roomy, patient
				if slices.Contains(p.codes, msg.CodeSceneMemory) {
					h.memory = tight
				}
				if slices.Contains(p.codes, msg.CodeSceneTimeout) {
					h.bounds = hasty
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // far beyond any bound
			defer cancel()
			frames := cmp.Or(p.frames, 30)
			task := newTask(t, newBucket(t), msg.RecordParams{Scene: 1, URL: address, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: frames})
			begin := time.Now()
			facts, err := h.Handle(ctx, task)
			took := time.Since(begin).Seconds()
			var failure *stage.Error
			switch {
			case err == nil:
				row("recorded", took)
				if recorded := facts.(msg.RecordFacts); len(p.codes) > 0 && !slices.Contains(p.codes, "") || recorded.Distinct < frames/2 {
					t.Errorf("it was recorded, as %d pictures", recorded.Distinct)
				}
			case !errors.As(err, &failure):
				t.Errorf("it ended with %v, which is no code", err)
			default:
				row(string(failure.Code), took)
				if !slices.Contains(p.codes, failure.Code) {
					t.Errorf("it ended with %s (%v)", failure.Code, err)
				}
				if !strings.HasPrefix(failure.Message, "Scene 1 could not be recorded: ") {
					t.Errorf("the user is told %q", failure.Message)
				}
			}
			noneLeft(t, task.Dir)
		})
	}
}

// noneLeft checks that of a scene nothing is left in its folder but the recording and the failure
// bundle, which its task takes from there.
func noneLeft(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if name := entry.Name(); name != filepath.Base(PiecePath(dir, 0)) && name != "failure-bundle" {
			t.Errorf("%s is left", entry.Name())
		}
	}
}
