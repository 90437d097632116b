package capture_test

import "testing"

// cell declares colour(n, bit), black or white, and count(draw), which calls draw(n) with the
// number of each animation frame.
const cell = `const white = (n, b) => n >> (15 - b) & 1;
	const count = draw => { let n = 0; requestAnimationFrame(function f() { draw(++n); requestAnimationFrame(f) }) };`

// webgl paints n with scissors, and needs gl.
const webgl = `function draw(n) { gl.enable(gl.SCISSOR_TEST); for (let b = 0; b < 16; b++) { const w = white(n, b);
	gl.scissor(20 * b, 0, 20, 16); gl.clearColor(w, w, w, 1); gl.clear(gl.COLOR_BUFFER_BIT) } };`

// plane paints n in two dimensions, and needs c.
const plane = `function draw(n) { for (let b = 0; b < 16; b++) { c.fillStyle = white(n, b) ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 16) } };`

func TestMovingOnACanvas(t *testing.T) {
	rows := []struct{ name, script string }{
		{"2d", plane + `const c = canvas.getContext("2d"); count(draw)`},
		{"2d without alpha", plane + `const c = canvas.getContext("2d", { alpha: false }); count(draw)`},
		{"image data", `const c = canvas.getContext("2d"), d = c.createImageData(320, 16);
			count(n => { for (let i = 0; i < 320 * 16; i++) d.data.set([255, 255, 255, 255].map(v => v * white(n, i % 320 / 20 | 0) || 0), 4 * i), d.data[4 * i + 3] = 255; c.putImageData(d, 0, 0) })`},
		{"image bitmap", plane + `const to = canvas.getContext("bitmaprenderer"), o = new OffscreenCanvas(320, 16), c = o.getContext("2d");
			count(n => { draw(n); to.transferFromImageBitmap(o.transferToImageBitmap()) })`},
		{"webgl", webgl + `const gl = canvas.getContext("webgl"); count(draw)`},
		{"webgl2", webgl + `const gl = canvas.getContext("webgl2"); count(draw)`},
		{"webgl2 that keeps its buffer", webgl + `const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true, antialias: false }); count(draw)`},
		// A canvas that asks to bypass the compositor must not.
		{"desynchronized 2d", plane + `const c = canvas.getContext("2d", { desynchronized: true }); count(draw)`},
		{"desynchronized webgl2", webgl + `const gl = canvas.getContext("webgl2", { desynchronized: true }); count(draw)`},
		// A shader draws a bar at the place that its uniform says.
		{"shader", `const gl = canvas.getContext("webgl2"), p = gl.createProgram();
			for (const [kind, code] of [[gl.VERTEX_SHADER, "#version 300 es\nvoid main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4. - 1., 0, 1); }"],
				[gl.FRAGMENT_SHADER, "#version 300 es\nprecision highp float; uniform float x; out vec4 c; void main() { float d = gl_FragCoord.x - x; c = vec4(vec3(d > 0. && d < 16.), 1); }"]]) {
				const s = gl.createShader(kind); gl.shaderSource(s, code); gl.compileShader(s); gl.attachShader(p, s) }
			gl.linkProgram(p); gl.useProgram(p); let first;
			requestAnimationFrame(function f(t) { first ??= t; gl.uniform1f(gl.getUniformLocation(p, "x"), (t - first) / 5);
				gl.drawArrays(gl.TRIANGLES, 0, 3); requestAnimationFrame(f) })`},
	}
	t.Parallel()
	var scripts []string
	for _, row := range rows {
		scripts = append(scripts, cell+row.script)
	}
	pictures := capturedPage(t, drawing(scripts...))
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "shader" {
				checkBar(t, edgesIn(pictures, i), even(200))
			} else {
				checkEachOnce(t, numbersIn(pictures, i), 1)
			}
		})
	}
}

// An offscreen canvas that the page itself draws on bypasses the page's frames: some frames show
// its picture before, and the next one is skipped.
func TestMovingOnAnOffscreenCanvasOfThePage(t *testing.T) {
	t.Parallel()
	pictures := capturedPage(t, drawing(
		cell+plane+`const c = canvas.transferControlToOffscreen().getContext("2d"); count(draw)`,
		cell+webgl+`const gl = canvas.transferControlToOffscreen().getContext("webgl2"); count(draw)`,
	))
	for row, name := range []string{"2d", "webgl"} {
		t.Run(name, func(t *testing.T) { checkBehind(t, numbersIn(pictures, row), 1, 10) })
	}
}
