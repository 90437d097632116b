package capture_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// A change after the page stood still for long is in its frame, whether more changes follow or not.
// Only with more of them the page counts as moving.
func TestAPageThatStirsIsExact(t *testing.T) {
	t.Parallel()
	const frames = 720
	// 257, 350 and 564 come between two strides, the last after strides of 30, 60 and 120 frames.
	stirs := []int{3, 40, 41, 100, 163, 220, 221, 222, 223, 257, 350, 564, 700}
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + fmt.Sprintf(`<script>requestAnimationFrame(() => {
		for (const n of %s) setTimeout(() => paint(n), (n - .5) * 1000 / 60) })</script>`, strings.ReplaceAll(fmt.Sprint(stirs), " ", ",")))})
	var told, rests, moves []int
	path, facts := shot{
		pooled: true, url: url, frames: frames,
		progress: func(_ *chrome.Process, n int) { told = append(told, n) },
		still: func(still bool) {
			if still {
				rests = append(rests, len(told))
			} else {
				moves = append(moves, len(told))
			}
		},
	}.mustTake(t)
	shown := 0
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if slices.Contains(stirs, i) {
			shown = i
		}
		if p.number() != shown {
			t.Fatalf("frame %d shows %d, want %d", i, p.number(), shown)
		}
	}
	if facts.Distinct != len(stirs)+1 {
		t.Errorf("%d pictures are stored, want %d", facts.Distinct, len(stirs)+1)
	}
	within := func(from int) func(int) bool { return func(n int) bool { return from <= n && n <= from+5 } }
	if len(moves) != 2 || !within(41)(moves[0]) || !within(221)(moves[1]) {
		t.Errorf("it moves from frames %v on, want 41 and 221", moves)
	}
	if len(rests) != 3 || !within(3+30)(rests[0]) || !within(41+30)(rests[1]) || !within(223+30)(rests[2]) {
		t.Errorf("it has stood still by frames %v, want 30 after 3, 41 and 223", rests)
	}
	for i, n := range told {
		if n != i+1 {
			t.Fatalf("progress %d is of %d frames", i, n)
		}
	}
}

// What a still page requests midway is waited for, and shown when it comes.
func TestAStillPageThatAsksForSomethingIsExact(t *testing.T) {
	t.Parallel()
	const frames, asks = 180, 90
	url := site(t, map[string]http.HandlerFunc{
		"/": html(barcode + fmt.Sprintf(`<script>requestAnimationFrame(() => setTimeout(
			async () => paint(+await (await fetch("/answer")).text()), %d * 1000 / 60))</script>`, asks)),
		"/answer": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(300 * time.Millisecond) // 18 frames, if page time passed meanwhile
			_, _ = w.Write([]byte("4711"))
		},
	})
	path, _ := shot{pooled: true, url: url, frames: frames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		switch n := p.number(); {
		case n == 4711 && i < asks:
			t.Fatalf("frame %d shows what is asked for at frame %d", i, asks)
		case n != 4711 && i > asks+2: // a response comes 10 ms of page time after its request
			t.Fatalf("frame %d does not show what was asked for at frame %d", i, asks)
		}
	}
}

// A request that never ends is waited for no longer than usual on a still page, wherever between
// two frames it begins.
func TestAHangingRequestDoesNotStopAStillPage(t *testing.T) {
	const frames, shows = 90, 60
	for name, ask := range map[string]string{
		"fetch":  `fetch("/hang")`,
		"events": `new EventSource("/hang")`,
		"script": `document.head.append(Object.assign(document.createElement("script"), {src: "/hang"}))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{"/hang": hang, "/": html(barcode + fmt.Sprintf(`<script>requestAnimationFrame(() => {
				setTimeout(() => { %s }, 508); setTimeout(() => paint(7), (%d - .5) * 1000 / 60) })</script>`, ask, shows))})
			path, _ := shot{pooled: true, url: url, frames: frames, bounds: brief}.mustTake(t)
			for i, p := range decode(t, path, msg.FPS(60), frames) {
				if n := p.number(); n != 0 && i < shows-1 || n != 7 && i > shows+1 {
					t.Fatalf("frame %d shows %d, which comes in frame %d", i, n, shows)
				}
			}
		})
	}
}

// bystander has nothing to do, and counts how often it is asked to.
type bystander struct{ frames int }

func (*bystander) Prepare(context.Context, *rod.Page) error             { return nil }
func (*bystander) Ready(context.Context, *rod.Page, capture.Pass) error { return nil }
func (*bystander) Due(time.Duration) bool                               { return false }
func (b *bystander) Frame(context.Context, *rod.Page, time.Duration) error {
	b.frames++
	return nil
}

func TestStillFramesAreDrawnWithoutTheDirector(t *testing.T) {
	t.Parallel()
	const frames = 120
	b := &bystander{}
	shot{pooled: true, url: site(t, map[string]http.HandlerFunc{"/": html("<h1>Still</h1>")}), frames: frames, director: b}.mustTake(t)
	if b.frames > 10 { // frame 0, and some in which the page is not quiet yet
		t.Errorf("the director was asked in %d of %d frames", b.frames, frames)
	}
}
