package capture_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A canvas that asks to bypass the compositor must not.
func TestADesynchronizedCanvasIsExact(t *testing.T) {
	const fill = `const draw = n => { for (let b = 0; b < 16; b++) { c.fillStyle = white(n, b) ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 40) } };`
	for name, script := range map[string]string{
		"2d":    fill + `const c = canvas.getContext("2d", { desynchronized: true }); count(draw)`,
		"webgl": webgl + `const gl = canvas.getContext("webgl2", { desynchronized: true }); count(draw)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(mediaStyle + `<canvas width=320 height=40></canvas><script>
				const canvas = document.querySelector("canvas");` + cell + script + `</script>`)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkEachOnce(t, decode(t, path, msg.FPS(60), movingFrames), 1)
		})
	}
}
