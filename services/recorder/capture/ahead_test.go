package capture_test

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// reloading paints 1, reloads twelve times a tenth of a second later, and then paints 2. Each
// document takes Chrome's clock 10 ms further without a grant: all in one frame, by the time of
// several.
const reloading = `<script>const k = sessionStorage.k = +(sessionStorage.k || 0) + 1
	paint(k > 12 ? 2 : 1)
	if (k == 1) setTimeout(() => location.reload(), 100)
	else if (k < 13) addEventListener("load", () => Promise.resolve().then(() => location.reload()))</script>`

// Chrome never answers a call that draws the same moment once more.
func TestAPageWhoseDocumentsTakeTheClockAheadIsRecorded(t *testing.T) {
	const moving = `<script>(function move() { requestAnimationFrame(move)
		document.documentElement.style.backgroundColor = "rgb(0,0," + (performance.now() | 0) % 99 + ")" })()</script>`
	for name, more := range map[string]string{"still": "", "moving": moving} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/": html(barcode + reloading + more)})
			const frames = 40
			path, _ := shot{url: url, frames: frames}.mustTake(t)
			shown := numbers(decode(t, path, msg.FPS(60), frames))
			if shown[0] != 1 || shown[frames-1] != 2 {
				t.Errorf("the frames show %v, want 1 at first and 2 at last", shown)
			}
		})
	}
}

// paintsThree is a director that paints 3 in the last of the documents of reloading, before frame
// n: the one after the first that shows it.
type paintsThree struct{ n int }

func (*paintsThree) Prepare(context.Context, *rod.Page) error             { return nil }
func (*paintsThree) Ready(context.Context, *rod.Page, capture.Pass) error { return nil }
func (d *paintsThree) Due(time.Duration) bool                             { return d.n == 0 }
func (d *paintsThree) Frame(_ context.Context, page *rod.Page, at time.Duration) error {
	if d.n > 0 {
		return nil
	}
	done, err := page.Eval(`() => sessionStorage.k > 12 && typeof paint == "function" && (globalThis.shown ? (paint(3), true) : (shown = 1, false))`)
	if err != nil && !cdp.Gone(err) {
		return err
	}
	if err == nil && done.Value.Bool() {
		d.n = int(math.Round(at.Seconds() * 60))
	}
	return nil
}

// While the clock is ahead, frames repeat the last one. An action is seen in its frame all the
// same.
func TestAnActionIsSeenInItsFrameWhileTheClockIsAhead(t *testing.T) {
	t.Parallel()
	const frames = 40
	d := &paintsThree{}
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + reloading)})
	path, _ := shot{url: url, frames: frames, director: d}.mustTake(t)
	shown := numbers(decode(t, path, msg.FPS(60), frames))
	if d.n == 0 || shown[d.n-1] == 3 || shown[d.n] != 3 {
		t.Errorf("the frames show %v, want 3 from frame %d on", shown, d.n)
	}
}
