package capture_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// However few pictures Chrome draws, all frames are delivered, in order.
func TestRealtimeDeliversEveryFrameInOrder(t *testing.T) {
	const frames = 45
	url := site(t, map[string]http.HandlerFunc{"/": html(counting)})
	for _, rate := range []msg.Rate{msg.FPS(60), {Num: 30000, Den: 1001}} {
		path, facts := shot{pooled: true, url: url, mode: msg.ModeRealtime, rate: rate, frames: frames}.mustTake(t)
		last := 0
		for i, p := range decode(t, path, rate, frames) {
			n := p.number()
			if n < last {
				t.Fatalf("frame %d shows animation frame %d, after %d", i, n, last)
			}
			last = n
		}
		if facts.Distinct < 1 || facts.Distinct > frames {
			t.Errorf("%d pictures are stored for %d frames", facts.Distinct, frames)
		}
	}
}

// A change of the page is in the frames from then on: the page changes after frame 10, and has
// seconds to be drawn.
func TestRealtimeShowsWhatHappensMeanwhile(t *testing.T) {
	const frames = 80
	passed := make(chan struct{})
	url := site(t, map[string]http.HandlerFunc{
		"/": html(barcode + `<script>paint(1); addEventListener("load", () => fetch("/passed").then(() => paint(2)))</script>`),
		"/passed": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-passed:
			case <-r.Context().Done():
			}
		},
	})
	path, facts := shot{pooled: true, url: url, mode: msg.ModeRealtime, rate: msg.FPS(10), frames: frames, bounds: brief, progress: func(_ *chrome.Process, n int) {
		if n == 10 {
			close(passed)
		}
	}}.mustTake(t)
	pictures := decode(t, path, msg.FPS(10), frames)
	for i, p := range pictures {
		if n := p.number(); n != 1 && n != 2 || i < 10 && n != 1 || i > 0 && n < pictures[i-1].number() {
			t.Fatalf("frame %d shows %d", i, n)
		}
	}
	if n := pictures[frames-1].number(); n != 2 {
		t.Errorf("the last frame shows %d, want 2", n)
	}
	if facts.Distinct > 4 {
		t.Errorf("%d pictures are stored, of a page that shows two", facts.Distinct)
	}
}

func TestAStillPageIsStoredOnceInRealtime(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html("<h1>Still</h1>")})
	path, facts := shot{pooled: true, url: url, mode: msg.ModeRealtime, frames: 30}.mustTake(t)
	if facts.Distinct != 1 {
		t.Errorf("%d pictures are stored, want 1", facts.Distinct)
	}
	decode(t, path, msg.FPS(60), 30)
}

func TestTheDirectorDirectsInRealtime(t *testing.T) {
	const frames = 20
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode)})
	d := &painter{}
	path, _ := shot{pooled: true, url: url, mode: msg.ModeRealtime, rate: msg.FPS(10), frames: frames, director: d}.mustTake(t)
	if len(d.times) != frames {
		t.Fatalf("the director was asked %d times, want %d", len(d.times), frames)
	}
	for i, at := range d.times {
		if want := time.Duration(i) * time.Second / 10; at != want {
			t.Fatalf("frame %d was said to be at %s, want %s", i, at, want)
		}
	}
	last := 0
	for i, p := range decode(t, path, msg.FPS(10), frames) {
		// What is done at a frame's time is drawn after it.
		if n := p.number(); n < last || n > i+1 {
			t.Fatalf("frame %d shows what was painted for frame %d, after %d", i, n-1, last-1)
		}
		last = p.number()
	}
	if d.first < 200*time.Millisecond {
		t.Errorf("%s passed, want at least 200ms", d.first)
	}
}

// Time passes by itself where there are workers, for which page time waits in the other modes.
func TestRealtimePassesBesideWorkers(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>` + inWorker(`for (;;);`) + `</script>`)})
	d := &painter{}
	shot{pooled: true, url: url, mode: msg.ModeRealtime, frames: 2, director: d}.mustTake(t)
	if d.first < 190*time.Millisecond {
		t.Errorf("%s passed, want 200ms and more", d.first)
	}
}
