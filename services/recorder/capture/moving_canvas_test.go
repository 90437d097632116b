package capture_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// cell declares colour(n, bit), black or white, and count(draw), which calls draw(n) with the
// number of each animation frame.
const cell = `const white = (n, b) => n >> (15 - b) & 1;
	const count = draw => { let n = 0; requestAnimationFrame(function f() { draw(++n); requestAnimationFrame(f) }) };`

// webgl paints n with scissors, and declares gl.
const webgl = `function draw(n) { gl.enable(gl.SCISSOR_TEST); for (let b = 0; b < 16; b++) { const w = white(n, b);
	gl.scissor(20 * b, 0, 20, 40); gl.clearColor(w, w, w, 1); gl.clear(gl.COLOR_BUFFER_BIT) } }`

func TestMovingOnACanvas(t *testing.T) {
	const fill = `function fill(c, n) { for (let b = 0; b < 16; b++) { c.fillStyle = white(n, b) ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 40) } }`
	for name, script := range map[string]string{
		"2d":               fill + `const c = canvas.getContext("2d"); count(n => fill(c, n))`,
		"2d without alpha": fill + `const c = canvas.getContext("2d", { alpha: false }); count(n => fill(c, n))`,
		"image data": `const c = canvas.getContext("2d"), d = c.createImageData(320, 40);
			count(n => { for (let i = 0; i < 320 * 40; i++) d.data.set([255, 255, 255, 255].map(v => v * white(n, i % 320 / 20 | 0) || 0), 4 * i), d.data[4 * i + 3] = 255; c.putImageData(d, 0, 0) })`,
		"image bitmap": fill + `const c = canvas.getContext("bitmaprenderer"), o = new OffscreenCanvas(320, 40), p = o.getContext("2d");
			count(n => { fill(p, n); c.transferFromImageBitmap(o.transferToImageBitmap()) })`,
		"webgl":                        webgl + `const gl = canvas.getContext("webgl"); count(draw)`,
		"webgl2":                       webgl + `const gl = canvas.getContext("webgl2"); count(draw)`,
		"webgl2 that keeps its buffer": webgl + `const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true, antialias: false }); count(draw)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(`<style>body{margin:0;background:#000}canvas{display:block}</style>
				<canvas width=320 height=40></canvas><script>const canvas = document.querySelector("canvas");` + cell + script + `</script>`)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkEachOnce(t, decode(t, path, msg.FPS(60), movingFrames), 1)
		})
	}
}

// An offscreen canvas that the page itself draws on bypasses the page's frames: some frames show
// its picture before, and the next one is skipped.
func TestMovingOnAnOffscreenCanvasOfThePage(t *testing.T) {
	const fill = `const draw = n => { for (let b = 0; b < 16; b++) { c.fillStyle = white(n, b) ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 40) } };`
	for name, script := range map[string]string{
		"2d":    fill + `const c = canvas.transferControlToOffscreen().getContext("2d"); count(draw)`,
		"webgl": webgl + `const gl = canvas.transferControlToOffscreen().getContext("webgl2"); count(draw)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(mediaStyle + `<canvas width=320 height=40></canvas><script>
				const canvas = document.querySelector("canvas");` + cell + script + `</script>`)})
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkBehind(t, decode(t, path, msg.FPS(60), movingFrames), 1, 10)
		})
	}
}

// A shader draws the bar at the place that its uniform says.
func TestMovingByShader(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(barStyle + `<canvas width=320 height=180 style="display:block"></canvas><script>
		const gl = document.querySelector("canvas").getContext("webgl2"), p = gl.createProgram();
		for (const [kind, code] of [[gl.VERTEX_SHADER, "#version 300 es\nvoid main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4. - 1., 0, 1); }"],
			[gl.FRAGMENT_SHADER, "#version 300 es\nprecision highp float; uniform float x; out vec4 c; void main() { float d = gl_FragCoord.x - x; c = vec4(vec3(d > 0. && d < 16. && gl_FragCoord.y < 40.), 1); }"]]) {
			const s = gl.createShader(kind); gl.shaderSource(s, code); gl.compileShader(s); gl.attachShader(p, s) }
		gl.linkProgram(p); gl.useProgram(p); let first;
		requestAnimationFrame(function f(t) { first ??= t; gl.uniform1f(gl.getUniformLocation(p, "x"), (t - first) / 5);
			gl.drawArrays(gl.TRIANGLES, 0, 3); requestAnimationFrame(f) })</script>`)})
	barPage{at: even(200)}.checkAt(t, url)
}
