package capture_test

import (
	"math"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// What the recorder could make exact, and does not yet.

// A video's sound is dropped, so it must not drive the picture.
func TestAVideosSoundDoesNotMoveItsPicture(t *testing.T) {
	for name, args := range sounding {
		for _, attributes := range []string{"", "muted"} {
			t.Run(name+" "+attributes, func(t *testing.T) {
				t.Parallel()
				checkBeat(t, showing(t, media(t, name, 30, 60, args...), `<video autoplay `+attributes+` src=/media></video>`, movingFrames), 2, lateVideo)
			})
		}
	}
}

// A canvas that asks to get past the page's own pictures, to be seen sooner, must not.
func TestADesynchronizedCanvasIsExact(t *testing.T) {
	const fill = `const draw = n => { for (let b = 0; b < 16; b++) { c.fillStyle = white(n, b) ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 40) } };`
	for name, script := range map[string]string{
		"2d":    fill + `const c = canvas.getContext("2d", { desynchronized: true }); count(draw)`,
		"webgl": webgl + `const gl = canvas.getContext("webgl2", { desynchronized: true }); count(draw)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(mediaStage + `<canvas width=320 height=40></canvas><script>
				const canvas = document.querySelector("canvas");` + cell + script + `</script>`)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkEachOnce(t, decode(t, path, msg.FPS(60), movingFrames), 1)
		})
	}
}

// A worker's timers must keep up with the page: within two frames of when they are due.
func TestAWorkersTimersKeepUp(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>` +
		inWorker(`let n = 0; setInterval(() => postMessage(++n), 10)`) + `w.onmessage = e => paint(e.data)</script>`)})
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), movingFrames)
	const from = 10 // the worker is under way by then
	for i, p := range pictures[from:] {
		is, want := float64(p.number()-pictures[from].number()), (at60(i+from)-at60(from))/10
		if math.Abs(is-want) > 4 {
			t.Fatalf("frame %d shows %.0f more than frame %d, want %.1f: %v", i+from, is, from, want, runs(numbers(pictures)))
		}
	}
}
