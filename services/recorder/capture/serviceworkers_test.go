package capture_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Pages on hosts that send no headers of their own have a service worker add them, and load
// themselves again until it does: threaded WebAssembly needs it.
func TestAPageThatNeedsItsServiceWorkerIsRecordedWithIt(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/": html(barcode + `<script>paint(navigator.serviceWorker.controller && crossOriginIsolated ? 7 : 8)
			if (!crossOriginIsolated) navigator.serviceWorker.register("/worker.js").then(r => {
				if (r.active && !navigator.serviceWorker.controller) return location.reload()
				r.addEventListener("updatefound", () => { const w = r.installing
					w.addEventListener("statechange", () => { if (w.state == "activated") location.reload() }) })
			})</script>`),
		"/worker.js": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`oninstall = () => skipWaiting(); onactivate = e => e.waitUntil(clients.claim())
				onfetch = e => e.respondWith(fetch(e.request).then(r => {
					const headers = new Headers(r.headers)
					headers.set("Cross-Origin-Embedder-Policy", "require-corp")
					headers.set("Cross-Origin-Opener-Policy", "same-origin")
					return new Response(r.body, {status: r.status, statusText: r.statusText, headers})
				}))`))
		},
	})
	const frames = 30
	path, _ := shot{url: url, frames: frames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if n := p.number(); n != 7 {
			t.Fatalf("frame %d shows %d, want 7: its service worker does not control it", i, n)
		}
	}
}

// A service worker's timers wait for page time, which waits for the response that they are to give.
func TestAServiceWorkerThatAnswersByATimerIsWaitedForNoLongerThanARequest(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/": html(counting + `<script>navigator.serviceWorker.register("/worker.js")
			navigator.serviceWorker.oncontrollerchange = () => setInterval(() => fetch("/x"), 50)</script>`),
		"/worker.js": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`oninstall = () => skipWaiting(); onactivate = e => e.waitUntil(clients.claim())
				onfetch = e => e.respondWith(new Promise(done => setTimeout(() => done(new Response("late")), 60_000)))`))
		},
	})
	bounds := brief
	bounds.Requests = time.Second
	shot{url: url, frames: 30, bounds: bounds}.mustTake(t)
}
