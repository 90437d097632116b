package capture_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// inFrame is a page with another one in an iframe that fills it.
func inFrame(attributes string) string {
	return `<style>body{margin:0;background:#000}iframe{display:block;border:0;width:320px;height:180px}</style><iframe ` + attributes + `></iframe>`
}

func TestMovingInAFrame(t *testing.T) {
	inner := map[string]http.HandlerFunc{"/inner": html(counting), "/between": html(inFrame("src=/inner"))}
	other := site(t, inner) // another port: another origin
	// A name instead of an address: another site.
	elsewhere := strings.Replace(other, "127.0.0.1", "localhost", 1)
	for name, frame := range map[string]string{
		"of the same origin":         `src=/inner`,
		"of another origin":          `src=` + other + `/inner`,
		"of another site":            `src=` + elsewhere + `/inner`,
		"in a frame of another site": `src=` + elsewhere + `/between`,
		"in a sandbox":               `sandbox=allow-scripts src=/inner`,
		"written into the page":      `srcdoc="` + strings.ReplaceAll(strings.ReplaceAll(counting, `&`, `&amp;`), `"`, `&quot;`) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages := map[string]http.HandlerFunc{"/": html(inFrame(frame)), "/inner": html(counting)}
			path, _ := shot{url: site(t, pages), frames: movingFrames, allow: "127.0.0.1,::1"}.mustTake(t)
			checkEachOnce(t, decode(t, path, msg.FPS(60), movingFrames), 1)
		})
	}
}

// Animations in an iframe and in the page around it are at the same place.
func TestMovingInStepWithAFrame(t *testing.T) {
	t.Parallel()
	const bar = barStyle + `<style>.bar{animation:m 2s linear}@keyframes m{to{transform:translateX(400px)}}</style><div class=bar></div>`
	other := site(t, map[string]http.HandlerFunc{"/inner": html(bar)})
	url := site(t, map[string]http.HandlerFunc{"/": html(strings.Replace(bar, "top:140px", "top:0", 1) +
		`<iframe style="position:absolute;top:0;left:0;border:0;width:320px;height:180px;mix-blend-mode:lighten" src=` + other + `/inner></iframe>`)})
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), movingFrames) {
		if outer, inner := p.edge(20), p.edge(150); outer != inner {
			t.Fatalf("in frame %d the page's bar is at %d, the frame's at %d", i, outer, inner)
		}
	}
}

// Messages between a page and its iframe arrive within the frame.
func TestMovingByMessage(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/": html(barcode + `<iframe src=/inner></iframe><script>let n = 0; onmessage = e => paint(e.data);
			requestAnimationFrame(function f() { frames[0].postMessage(++n, "*"); requestAnimationFrame(f) })</script>`),
		"/inner": html(`<script>onmessage = e => parent.postMessage(e.data, "*")</script>`),
	})
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), movingFrames)
	first := pictures[0].number()
	if first > 1 {
		t.Errorf("frame 0 shows %d, want 0 or 1", first)
	}
	checkEachOnce(t, pictures, first)
}
