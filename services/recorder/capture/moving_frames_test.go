package capture_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A page has an iframe in each row. Those that count show each of their numbers once, animations
// inside and outside are at the same place, and messages arrive within the frame.
func TestMovingInAFrame(t *testing.T) {
	t.Parallel()
	const bar = `<style>body{margin:0;background:#000}.bar{position:absolute;left:0;width:16px;height:16px;background:#fff;animation:m 2s linear}
		@keyframes m{to{transform:translateX(400px)}}</style><div class=bar style="top:TOP"></div>`
	const frameStyle = `<style>body{margin:0;background:#000}iframe{display:block;border:0;width:320px;height:16px}</style>`
	inner := map[string]http.HandlerFunc{
		"/inner": html(counting), "/between": html(frameStyle + `<iframe src=/inner></iframe>`),
		"/bar": html(strings.ReplaceAll(bar, "TOP", "0")),
	}
	other := site(t, inner) // another port: another origin
	// A name instead of an address: another site.
	elsewhere := strings.Replace(other, "127.0.0.1", "localhost", 1)
	names := []string{"of the same origin", "of another origin", "of another site", "in a frame of another site", "in a sandbox", "written into the page"}
	page := frameStyle
	for _, frame := range []string{
		`src=/inner`, `src=` + other + `/inner`, `src=` + elsewhere + `/inner`, `src=` + elsewhere + `/between`, `sandbox=allow-scripts src=/inner`,
		`srcdoc="` + strings.ReplaceAll(strings.ReplaceAll(counting, `&`, `&amp;`), `"`, `&quot;`) + `"`,
	} {
		page += `<iframe ` + frame + `></iframe>`
	}
	inside := len(names)
	outside, told := inside+1, inside+2
	page += `<iframe src=` + other + `/bar></iframe>` + strings.ReplaceAll(bar, "TOP", "112px") +
		barcodes + `<iframe id=echo src=/echo style="display:none"></iframe><script>let n = 0; const paint = barcode(8); onmessage = e => paint(e.data);
		requestAnimationFrame(function f() { echo.contentWindow.postMessage(++n, "*"); requestAnimationFrame(f) })</script>`
	path, _ := shot{frames: movingFrames, allow: "127.0.0.1,::1", url: site(t, map[string]http.HandlerFunc{
		"/": html(page), "/inner": html(counting), "/echo": html(`<script>onmessage = e => parent.postMessage(e.data, "*")</script>`),
	})}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), movingFrames)
	for row, name := range names {
		t.Run(name, func(t *testing.T) { checkEachOnce(t, numbersIn(pictures, row), 1) })
	}
	t.Run("in step with the page", func(t *testing.T) {
		around := edgesIn(pictures, outside)
		checkBar(t, around, even(200))
		for i, at := range edgesIn(pictures, inside) {
			if at != around[i] {
				t.Fatalf("in frame %d the page's bar is at %d, the frame's at %d", i, around[i], at)
			}
		}
	})
	t.Run("by message", func(t *testing.T) {
		shown := numbersIn(pictures, told)
		if shown[0] > 1 {
			t.Errorf("frame 0 shows %d, want 0 or 1", shown[0])
		}
		checkEachOnce(t, shown, shown[0])
	})
}
