package capture_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// inWorker declares w, a worker with this code.
func inWorker(code string) string {
	return "const w = new Worker(URL.createObjectURL(new Blob([" + jsString(code) + "])));"
}

func jsString(code string) string { return "`" + strings.ReplaceAll(code, "`", "\\`") + "`" }

// A canvas that a worker draws on shows each of its frames once. It takes a frame or two until the
// worker runs.
func TestMovingOnAWorkersCanvas(t *testing.T) {
	t.Parallel()
	const given = `const o = canvas.transferControlToOffscreen(); w.postMessage(o, [o])`
	pictures := capturedPage(t, drawing(
		inWorker(cell+plane+`let c; onmessage = e => { c = e.data.getContext("2d"); count(draw) }`)+given,
		inWorker(cell+webgl+`let gl; onmessage = e => { gl = e.data.getContext("webgl2"); count(draw) }`)+given,
	))
	for row, name := range []string{"2d", "webgl"} {
		t.Run(name, func(t *testing.T) { checkBehind(t, numbersIn(pictures, row), 1, 10) })
	}
}

// A worker's animation frames, its clock and its immediate answers are those of the page, one frame
// later.
func TestMovingByAWorker(t *testing.T) {
	const painted = `w.onmessage = e => paint(e.data)`
	t.Parallel()
	pictures := capturedPage(t, painting(
		inWorker(`let n = 0; requestAnimationFrame(function f() { postMessage(++n); requestAnimationFrame(f) })`)+painted,
		inWorker(`onmessage = e => postMessage(e.data)`)+`let n = 0;
			requestAnimationFrame(function f() { w.postMessage(++n); requestAnimationFrame(f) });`+painted,
		inWorker(`onmessage = e => postMessage(Math.round((performance.now() + performance.timeOrigin - e.data) * 60 / 1000) + 1)`)+`let first;
			requestAnimationFrame(function f(now) { w.postMessage(first ??= now + performance.timeOrigin); requestAnimationFrame(f) });`+painted,
	))
	for row, name := range []string{"animation frames", "answers", "clock"} {
		t.Run(name, func(t *testing.T) { checkBehind(t, numbersIn(pictures, row), 1, 10) })
	}
}

// A worker's timers fire within half a frame of their time, and are seen one frame later. It takes
// a few frames until the worker runs.
func TestMovingByAWorkersTimers(t *testing.T) {
	type timer struct {
		name, code string
		period     float64 // milliseconds
	}
	t.Parallel()
	s := shot{frames: movingFrames}.shared(t)
	for name, timers := range map[string][]timer{
		"of the page": {
			{"interval of 10", `setInterval(() => postMessage(++n), 10)`, 10},
			{"interval of 40", `setInterval(() => postMessage(++n), 40)`, 40},
			{"interval of 250", `setInterval(() => postMessage(++n), 250)`, 250},
			{"timeout of 50", `setTimeout(function f() { postMessage(++n); setTimeout(f, 50) }, 50)`, 50},
		},
		"of a worker": {
			{"interval of 40", `new Worker("data:text/javascript,setInterval(() => postMessage(0), 40)").onmessage = () => postMessage(++n)`, 40},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var scripts []string
			for _, timer := range timers {
				scripts = append(scripts, inWorker(`let n = 0; `+timer.code)+`w.onmessage = e => paint(e.data)`)
			}
			pictures := s.captured(t, map[string]http.HandlerFunc{"/": html(painting(scripts...))})
			for row, timer := range timers {
				t.Run(timer.name, func(t *testing.T) { checkTimer(t, numbersIn(pictures, row), timer.period) })
			}
		})
	}
}

// checkTimer checks how often a worker's timer has come by each frame.
func checkTimer(t *testing.T, shown []int, period float64) {
	t.Helper()
	first := 0
	for shown[first] == 0 {
		if first++; at60(first) > period+200 {
			t.Fatalf("the timer does not come: %v", runs(shown))
		}
	}
	for i := first; i < len(shown); i++ {
		// It may have come a frame before it was due to be seen, or a frame behind.
		early, late := (at60(i-first+1))/period, at60(i-first-2)/period
		if n := float64(shown[i] - shown[first]); n > early+1 || n < late-1 {
			t.Fatalf("%d frames after its first, it has come %v times, want %.1f to %.1f: %v", i-first, n, late-1, early+1, runs(shown))
		}
	}
}

// A worker that is always busy is waited for, but not in every frame.
func TestWorkerThatIsNeverDone(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(counting + `<script>` + inWorker(`for (;;);`) + `</script>`)})
	const frames = 100
	bounds := brief
	bounds.Call, bounds.Frame = 15*time.Second, 100*time.Millisecond // in every frame, it would be a fifth of a second
	path, _ := shot{url: url, frames: frames, bounds: bounds}.mustTake(t)
	checkBehind(t, numbers(decode(t, path, msg.FPS(60), frames)), 1, 0)
}

// checkBehind checks that frame n shows n + first, or what was right up to late frames before, and
// never goes back.
func checkBehind(t *testing.T, numbers []int, first, late int) {
	t.Helper()
	for i, n := range numbers {
		switch {
		case n > i+first || n < i+first-late:
			t.Fatalf("frame %d shows %d, want %d or up to %d before: %v", i, n, i+first, late, runs(numbers))
		case i > 0 && n < numbers[i-1]:
			t.Fatalf("frame %d shows %d after %d: %v", i, n, numbers[i-1], runs(numbers))
		}
	}
}
