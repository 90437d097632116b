package capture_test

import (
	"math"
	"net/http"
	"testing"
)

// Every clock and timer that a page's code counts by is right in every frame.
func TestMovingByScript(t *testing.T) {
	type counter struct {
		name, script string
		// at is the count so many milliseconds after the fifth frame, from what it was then.
		at func(ms float64) float64
	}
	t.Parallel()
	s := shot{frames: movingFrames}.shared(t)
	for name, counters := range map[string][]counter{
		"clocks": {
			{"animation frames", `let n = 0; requestAnimationFrame(function f() { paint(++n); requestAnimationFrame(f) })`,
				func(ms float64) float64 { return math.Round(ms * 60 / 1000) }},
			{"Date", `const d = Date.now(); requestAnimationFrame(function f() { paint(Date.now() - d); requestAnimationFrame(f) })`,
				func(ms float64) float64 { return ms }},
			{"performance.now", `const d = performance.now(); requestAnimationFrame(function f() { paint(Math.round((performance.now() - d) * 2)); requestAnimationFrame(f) })`,
				// it is shown in tenths of a millisecond, some up or down
				func(ms float64) float64 { return ms * 2 }},
			{"the timeline of the document", `requestAnimationFrame(function f() { paint(document.timeline.currentTime * 2); requestAnimationFrame(f) })`,
				func(ms float64) float64 { return ms * 2 }},
			{"messages", `let n = 0; const { port1, port2 } = new MessageChannel(); port1.onmessage = e => paint(e.data);
				requestAnimationFrame(function f() { port2.postMessage(++n); requestAnimationFrame(f) })`,
				func(ms float64) float64 { return math.Round(ms * 60 / 1000) }},
		},
		"timers": {
			{"setInterval", `let n = 0; setInterval(() => paint(++n), 10)`, func(ms float64) float64 { return ms / 10 }},
			{"setInterval of an odd length", `let n = 0; setInterval(() => paint(++n), 7)`, func(ms float64) float64 { return ms / 7 }},
			{"setTimeout after setTimeout", `let n = 0; setTimeout(function f() { paint(++n); setTimeout(f, 25) }, 25)`,
				func(ms float64) float64 { return ms / 25 }},
			{"setTimeout without delay", `let n = 0; setTimeout(function f() { paint(++n); setTimeout(f) })`,
				// HTML says 4 ms, but not for the first five
				func(ms float64) float64 { return ms / 4 }},
			{"a generator with promises", `let n = 0; const wait = ms => new Promise(r => setTimeout(r, ms));
				(async () => { for await (const x of (async function* () { for (;;) { await wait(20); yield ++n } })()) paint(x) })()`,
				func(ms float64) float64 { return ms / 20 }},
			{"scheduler.postTask", `let n = 0; scheduler.postTask(function f() { paint(++n); scheduler.postTask(f, { delay: 20 }) }, { delay: 20 })`,
				func(ms float64) float64 { return ms / 20 }},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var scripts []string
			for _, c := range counters {
				scripts = append(scripts, c.script)
			}
			pictures := s.captured(t, map[string]http.HandlerFunc{"/": html(painting(scripts...))})
			for row, c := range counters {
				t.Run(c.name, func(t *testing.T) {
					const from = 4
					shown := numbersIn(pictures, row)
					for i := from; i < len(shown); i++ {
						// The first of them falls somewhere between two counts.
						if is, want := float64(shown[i]-shown[from]), c.at(at60(i)-at60(from)); math.Abs(is-want) > 1.01 {
							t.Fatalf("frame %d shows %.0f more than frame %d, want %.2f", i, is, from, want)
						}
					}
				})
			}
		})
	}
}
