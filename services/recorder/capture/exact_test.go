package capture_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

func TestCSSAnimationsMoveWithTheFrames(t *testing.T) {
	t.Parallel()
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>body{margin:0;background:#000;overflow:hidden}
		b{position:absolute;top:140px;width:16px;height:40px;background:#fff;animation:m 2s linear}
		@keyframes m{to{transform:translateX(480px)}}</style><b></b>`)})
	path, _ := shot{pooled: true, url: url, frames: frames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if at := p.bar(); at < 4*i-1 || at > 4*i+1 { // 240 pixels a second, from frame 0 on
			t.Fatalf("at frame %d the bar is at %d, want %d", i, at, 4*i)
		}
	}
}

// There is one page clock: the times that scripts read and animations show agree in every frame.
func TestClocksAgree(t *testing.T) {
	t.Parallel()
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>
		let start, date; requestAnimationFrame(function f(t) {
			start ??= t; date ??= Date.now();
			const same = Math.abs(t - performance.now()) < 1 && Math.abs(Date.now() - date - (t - start)) < 2;
			paint(same ? Math.round(t - start) : 0xffff); requestAnimationFrame(f) })</script>`)})
	path, _ := shot{pooled: true, url: url, frames: frames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if at, want := p.number(), i*1000/60; at < want-1 || at > want+1 {
			t.Fatalf("frame %d is drawn at %d ms, want %d (65535: the clocks disagree)", i, at, want)
		}
	}
}

func TestAWorkersCanvasIsExact(t *testing.T) {
	t.Parallel()
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{"/": html(`<style>body{margin:0;background:#000}canvas{display:block}</style>
		<canvas width=320 height=40></canvas><script>
		const off = document.querySelector("canvas").transferControlToOffscreen();
		const w = new Worker(URL.createObjectURL(new Blob([` + "`" + `
			onmessage = e => { const c = e.data.getContext("2d"); let n = 0; requestAnimationFrame(function f() { n++;
				for (let b = 0; b < 16; b++) { c.fillStyle = n >> (15 - b) & 1 ? "#fff" : "#000"; c.fillRect(20 * b, 0, 20, 40) }
				requestAnimationFrame(f) }) }` + "`" + `])));
		w.postMessage(off, [off])</script>`)})
	path, _ := shot{pooled: true, url: url, frames: frames}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), frames)
	for i := 1; i < frames; i++ {
		// 0: the worker has not begun
		if was, is := pictures[i-1].number(), pictures[i].number(); was != 0 && is != was+1 {
			t.Fatalf("frame %d shows %d after %d", i, is, was)
		}
	}
	if last := pictures[frames-1].number(); last < frames-10 {
		t.Fatalf("the last frame shows %d", last)
	}
}

func TestAStillPageIsStoredOnce(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html("<h1>Still</h1>")})
	path, facts := shot{pooled: true, url: url, frames: 120}.mustTake(t)
	if facts.Distinct != 1 {
		t.Errorf("%d pictures are stored, want 1", facts.Distinct)
	}
	decode(t, path, msg.FPS(60), 120)
}

// Bursts make the capture change between probing for damage and taking pictures at once.
func TestPagesThatMoveAtTimesAreExact(t *testing.T) {
	t.Parallel()
	const frames = 120
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>let n = 0;
		requestAnimationFrame(function f() { n++; if (n % 40 > 25 || n % 7 == 0) paint(n); requestAnimationFrame(f) })</script>`)})
	path, facts := shot{pooled: true, url: url, frames: frames}.mustTake(t)
	shown, distinct := 0, 1
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if n := i + 1; n%40 > 25 || n%7 == 0 {
			shown, distinct = n, distinct+1
		}
		if p.number() != shown {
			t.Fatalf("frame %d shows %d, want %d", i, p.number(), shown)
		}
	}
	if facts.Distinct != distinct {
		t.Errorf("%d pictures are stored, want %d", facts.Distinct, distinct)
	}
}

func TestAHangingRequestDoesNotStopThePage(t *testing.T) {
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{
		"/hang":  hang,
		"/again": html(counting + `<script>setInterval(() => fetch("/hang"), 200)</script>`),
		"/once": html(counting + `<img src=/hang><iframe src=/hang></iframe>
			<script>addEventListener("load", () => fetch("/hang")); new EventSource("/hang")</script>`),
	})
	for _, page := range []string{"/again", "/once"} {
		t.Run(page[1:], func(t *testing.T) {
			t.Parallel()
			path, _ := shot{pooled: true, url: url + page, frames: frames, bounds: brief}.mustTake(t)
			for i, p := range decode(t, path, msg.FPS(60), frames) {
				if p.number() != i+1 {
					t.Fatalf("frame %d shows animation frame %d, want %d", i, p.number(), i+1)
				}
			}
		})
	}
}

// The time of a page that posts itself messages without end would not pass without a bound on
// tasks.
func TestATaskLoopDoesNotStopThePage(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting + `<script>const c = new MessageChannel();
		c.port1.onmessage = () => c.port2.postMessage(0); c.port2.postMessage(0)</script>`)})
	path, _ := shot{pooled: true, url: url, frames: 12}.mustTake(t)
	if n := decode(t, path, msg.FPS(60), 12)[11].number(); n != 12 {
		t.Errorf("the last frame shows animation frame %d, want 12", n)
	}
}

func TestFontsAreThereInTheFirstFrame(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/": html(barcode + `<style>@font-face{font-family:late;src:url(/font.ttf)}p{font-family:late;color:#fff;margin-top:60px}</style><p>Text</p>
			<script>requestAnimationFrame(() => paint(document.fonts.check("20px late") ? 1 : 2))</script>`),
		"/font.ttf": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, font(t)) },
	})
	path, _ := shot{pooled: true, url: url, frames: 1}.mustTake(t)
	if n := decode(t, path, msg.FPS(60), 1)[0].number(); n != 1 {
		t.Errorf("frame 0 shows %d, want 1: its font is there", n)
	}
}

// font returns the file of one of this machine's fonts.
func font(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/share/fonts/truetype/*/*.ttf", "/usr/share/fonts/*/*.ttf", "/usr/share/fonts/*/*/*.otf"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Error("no font is installed: apt install fonts-dejavu-core")
	return ""
}

func TestAPageThatGoesElsewhereIsFollowed(t *testing.T) {
	t.Parallel()
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{
		"/":      html(barcode + `<script>paint(4711); setTimeout(() => { location = "/other" }, 250)</script>`),
		"/other": html(counting),
	})
	path, _ := shot{pooled: true, url: url, frames: frames}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), frames)
	if n := pictures[5].number(); n != 4711 {
		t.Errorf("frame 5 shows %d, want the first page", n)
	}
	if n := pictures[frames-1].number(); n < 30 || n > 50 {
		t.Errorf("the last frame shows animation frame %d of the other page, want about 45", n)
	}
}

func TestRequestsTakeNoPageTime(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/": html(barcode + `<script>paint(1); fetch("/where").then(r => r.text())
			.then(where => fetch(where)).then(r => r.json()).then(n => paint(n))</script>`),
		"/where": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("/data")) },
		"/data":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("4711")) },
	})
	path, _ := shot{pooled: true, url: url, frames: 2}.mustTake(t)
	if n := decode(t, path, msg.FPS(60), 2)[0].number(); n != 4711 {
		t.Errorf("frame 0 shows %d, before its data came", n)
	}
}

func TestDialogsAreAnswered(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting + `<script>
		alert("one"); confirm("two"); prompt("three"); setTimeout(() => alert("four"), 300)</script>`)})
	path, _ := shot{pooled: true, url: url, frames: 60}.mustTake(t)
	if n := decode(t, path, msg.FPS(60), 60)[59].number(); n != 60 {
		t.Errorf("the last frame shows animation frame %d, want 60", n)
	}
}

func TestCancellingEndsACapture(t *testing.T) {
	for name, page := range map[string]string{"moving": counting, "still": "<p>still</p>"} {
		t.Run(name, func(t *testing.T) {
			url := site(t, map[string]http.HandlerFunc{"/": html(page)})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			enough := errors.New("enough")
			_, _, err := shot{pooled: true, url: url, frames: 100_000, progress: func(_ *chrome.Process, n int) {
				if n == 50 { // of a still page, within a stride
					cancel(enough)
				}
			}}.take(ctx, t)
			if !errors.Is(err, enough) {
				t.Errorf("capture returned %v, want the cause of the cancel", err)
			}
		})
	}
}
