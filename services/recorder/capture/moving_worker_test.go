package capture_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// inWorker declares w, a worker with this code.
func inWorker(code string) string {
	return "const w = new Worker(URL.createObjectURL(new Blob([" + jsString(code) + "])));"
}

func jsString(code string) string { return "`" + strings.ReplaceAll(code, "`", "\\`") + "`" }

// A canvas that a worker draws on shows each of its frames once. It takes a frame or two until the worker is under way.
func TestMovingOnAWorkersCanvas(t *testing.T) {
	const fill = `const draw = n => { for (let b = 0; b < 16; b++) { c.fillStyle = white(n, b) ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 40) } };`
	for name, code := range map[string]string{
		"2d":    cell + fill + `let c; onmessage = e => { c = e.data.getContext("2d"); count(draw) }`,
		"webgl": cell + webgl + `let gl; onmessage = e => { gl = e.data.getContext("webgl2"); count(draw) }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(mediaStage + `<canvas width=320 height=40></canvas><script>
				const o = document.querySelector("canvas").transferControlToOffscreen();` + inWorker(code) + `w.postMessage(o, [o])</script>`)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkBehind(t, decode(t, path, msg.FPS(60), movingFrames), 1, 10)
		})
	}
}

// A worker's animation frames, its clock, and what it answers at once are those of the page, seen one frame later.
func TestMovingByAWorker(t *testing.T) {
	for name, script := range map[string]string{
		"animation frames": inWorker(`let n = 0; requestAnimationFrame(function f() { postMessage(++n); requestAnimationFrame(f) })`),
		"answers": inWorker(`onmessage = e => postMessage(e.data)`) + `let n = 0;
			requestAnimationFrame(function f() { w.postMessage(++n); requestAnimationFrame(f) });`,
		"clock": inWorker(`onmessage = e => postMessage(Math.round((performance.now() + performance.timeOrigin - e.data) * 60 / 1000) + 1)`) + `let first;
			requestAnimationFrame(function f(now) { w.postMessage(first ??= now + performance.timeOrigin); requestAnimationFrame(f) });`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>` + script + `w.onmessage = e => paint(e.data)</script>`)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkBehind(t, decode(t, path, msg.FPS(60), movingFrames), 1, 10)
		})
	}
}

// A worker's timers run in real time, while the clock that they wait for mostly stands: they come late, and never early.
func TestMovingByAWorkersTimers(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>` +
		inWorker(`let n = 0; setInterval(() => postMessage(++n), 10)`) + `w.onmessage = e => paint(e.data)</script>`)})
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), movingFrames)
	for i, p := range pictures[1:] {
		if n, most := p.number()-pictures[0].number(), int(at60(i+1)/10)+1; n > most || p.number() < pictures[i].number() {
			t.Fatalf("frame %d shows %d more than the first, want at most %d: %v", i+1, n, most, runs(numbers(pictures)))
		}
	}
	if last := pictures[movingFrames-1].number(); last == 0 {
		t.Error("the worker's timer never comes")
	}
}

// checkBehind checks that frame n shows n + first, or what was right up to late frames before, and never goes back.
func checkBehind(t *testing.T, pictures []picture, first, late int) {
	t.Helper()
	for i, p := range pictures {
		switch n := p.number(); {
		case n > i+first || n < i+first-late:
			t.Fatalf("frame %d shows %d, want %d or up to %d before: %v", i, n, i+first, late, runs(numbers(pictures)))
		case i > 0 && n < pictures[i-1].number():
			t.Fatalf("frame %d shows %d after %d: %v", i, n, pictures[i-1].number(), runs(numbers(pictures)))
		}
	}
}
