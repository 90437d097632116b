package capture_test

import (
	"math"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Every clock and timer that a page's code counts by is right in every frame.
func TestMovingByScript(t *testing.T) {
	for _, test := range []struct {
		name, page string
		// at is the count so many milliseconds after the fifth frame, from what it was then.
		at func(ms float64) float64
	}{
		{"animation frames", `let n = 0; requestAnimationFrame(function f() { paint(++n); requestAnimationFrame(f) })`,
			func(ms float64) float64 { return math.Round(ms * 60 / 1000) }},
		{"setInterval", `let n = 0; setInterval(() => paint(++n), 10)`, func(ms float64) float64 { return ms / 10 }},
		{"setInterval of an odd length", `let n = 0; setInterval(() => paint(++n), 7)`, func(ms float64) float64 { return ms / 7 }},
		{"setTimeout after setTimeout", `let n = 0; setTimeout(function f() { paint(++n); setTimeout(f, 25) }, 25)`,
			func(ms float64) float64 { return ms / 25 }},
		{"setTimeout without delay", `let n = 0; setTimeout(function f() { paint(++n); setTimeout(f) })`,
			// HTML says 4 ms, but not for the first five
			func(ms float64) float64 { return ms / 4 }},
		{"Date", `const d = Date.now(); requestAnimationFrame(function f() { paint(Date.now() - d); requestAnimationFrame(f) })`,
			func(ms float64) float64 { return ms }},
		{"performance.now", `const d = performance.now(); requestAnimationFrame(function f() { paint(Math.round((performance.now() - d) * 2)); requestAnimationFrame(f) })`,
			// it is shown in tenths of a millisecond, some up or down
			func(ms float64) float64 { return ms * 2 }},
		{"the timeline of the document", `requestAnimationFrame(function f() { paint(document.timeline.currentTime * 2); requestAnimationFrame(f) })`,
			func(ms float64) float64 { return ms * 2 }},
		{"a generator with promises", `let n = 0; const wait = ms => new Promise(r => setTimeout(r, ms));
			(async () => { for await (const x of (async function* () { for (;;) { await wait(20); yield ++n } })()) paint(x) })()`,
			func(ms float64) float64 { return ms / 20 }},
		{"messages", `let n = 0; const { port1, port2 } = new MessageChannel(); port1.onmessage = e => paint(e.data);
			requestAnimationFrame(function f() { port2.postMessage(++n); requestAnimationFrame(f) })`,
			func(ms float64) float64 { return math.Round(ms * 60 / 1000) }},
		{"scheduler.postTask", `let n = 0; scheduler.postTask(function f() { paint(++n); scheduler.postTask(f, { delay: 20 }) }, { delay: 20 })`,
			func(ms float64) float64 { return ms / 20 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(barcode + "<script>" + test.page + "</script>")})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			pictures := decode(t, path, msg.FPS(60), movingFrames)
			const from = 4
			for i, p := range pictures[from:] {
				// The first of them falls somewhere between two counts.
				if is, want := float64(p.number()-pictures[from].number()), test.at(at60(i+from)-at60(from)); math.Abs(is-want) > 1.01 {
					t.Fatalf("frame %d shows %.0f more than frame %d, want %.2f", i+from, is, from, want)
				}
			}
		})
	}
}
