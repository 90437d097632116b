package capture_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// apart adds headers to a page by which Chrome gives it a process of its own.
func apart(page http.HandlerFunc, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		page(w, r)
	}
}

// isolated is apart for pages that want to be isolated from others.
func isolated(page http.HandlerFunc) http.HandlerFunc {
	return apart(page, "Cross-Origin-Opener-Policy", "same-origin", "Cross-Origin-Embedder-Policy", "require-corp")
}

// allClocks paints, one below the other: how many animation frames there were, what
// performance.now(), the animation frame and the document's timeline say in tenths of a
// millisecond, how many milliseconds of Date have passed since the first document, and which
// documents there were.
const allClocks = `<!doctype html><meta charset=utf-8><style>body{margin:0;background:#000}canvas{display:block}</style><canvas width=320 height=180></canvas><script>
	const c = document.querySelector("canvas").getContext("2d")
	sessionStorage.began ??= Date.now()
	sessionStorage.visits = +(sessionStorage.visits ?? 0) * 2 + crossOriginIsolated + 1
	let n = 0
	requestAnimationFrame(function frame(told) {
		const tenths = [performance.now(), told, document.timeline.currentTime].map(time => Math.round(time * 10));
		[++n, ...tenths, Date.now() - sessionStorage.began, +sessionStorage.visits].forEach((value, row) => {
			for (let bit = 0; bit < 16; bit++) {
				c.fillStyle = value >> (15 - bit) & 1 ? "#fff" : "#000"
				c.fillRect(20 * bit, 30 * row, 20, 30)
			}
		})
		requestAnimationFrame(frame)
	})
</script>`

// reading is what allClocks painted.
type reading struct{ frame, now, told, timeline, date, visits int }

func (p picture) clocks() reading {
	return reading{p.numberAt(15), p.numberAt(45), p.numberAt(75), p.numberAt(105), p.numberAt(135), p.numberAt(165)}
}

// clicking clicks into the page at a time.
type clicking struct {
	at   time.Duration
	done bool
}

func (*clicking) Prepare(context.Context, *rod.Page) error             { return nil }
func (*clicking) Ready(context.Context, *rod.Page, capture.Pass) error { return nil }
func (c *clicking) Due(at time.Duration) bool                          { return !c.done && at >= c.at }
func (c *clicking) Frame(_ context.Context, page *rod.Page, at time.Duration) error {
	if !c.Due(at) {
		return nil
	}
	c.done = true
	for _, kind := range []proto.InputDispatchMouseEventType{proto.InputDispatchMouseEventTypeMousePressed, proto.InputDispatchMouseEventTypeMouseReleased} {
		err := proto.InputDispatchMouseEvent{Type: kind, X: 100, Y: 100, Button: proto.InputMouseButtonLeft, ClickCount: 1}.Call(page)
		if err != nil {
			return err
		}
	}
	return nil
}

// A page in another process has the time that it would have in the one before, both when it is the
// first page and when it comes later.
func TestClocksGoOnInAnotherProcess(t *testing.T) {
	page := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(allClocks + body))
		}
	}
	const still = `<!doctype html><body style="margin:0;background:#000"><script>sessionStorage.began = Date.now(); sessionStorage.visits = 0
		setTimeout(() => { location = "/isolated" }, 1000)</script>`
	link := func(to string) string { return `<a href=` + to + ` style="position:absolute;inset:0"></a>` }
	lead := func(to string) string { return `<script>setTimeout(() => { location = "` + to + `" }, 210)</script>` }
	url := site(t, map[string]http.HandlerFunc{
		"/isolated":       isolated(page("")),
		"/popups":         apart(page(""), "Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
		"/document":       apart(page(""), "Document-Isolation-Policy", "isolate-and-require-corp"),
		"/credentialless": apart(page(""), "Cross-Origin-Opener-Policy", "same-origin", "Cross-Origin-Embedder-Policy", "credentialless"),
		"/redirect":       redirect("/isolated"),
		"/at-once":        html(`<script>location = "/isolated"</script>`),
		"/script":         page(lead("/isolated")),
		"/link":           page(link("/isolated#part")),
		"/back":           isolated(page(lead("/script"))),
		"/still": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(still))
		},
	})
	for _, test := range []struct {
		page   string
		frames int
		// visits are the documents that paint in the last frame, as bits below the first that is
		// set: 1 for isolated ones.
		visits int
		// blank frames come before any of them.
		blank int
		// again: it is recorded twice with repeatable, else once.
		again bool
	}{
		{"/isolated", 20, 2, 0, true}, {"/popups", 20, 1, 0, false}, {"/document", 20, 2, 0, false}, {"/credentialless", 20, 2, 0, false},
		{"/redirect", 20, 2, 0, true}, {"/at-once", 20, 2, 0, false}, {"/script", 24, 4, 0, true}, {"/link", 24, 4, 0, true},
		{"/back", 36, 12, 0, true}, {"/still", 80, 2, 60, true},
	} {
		t.Run(test.page[1:], func(t *testing.T) {
			t.Parallel()
			var runs [][]reading
			var files [][]byte // of the repeatable ones
			for run := range 3 {
				if run == 2 && !test.again {
					break
				}
				s := shot{url: url + test.page, frames: test.frames, repeatable: run > 0}
				if test.page == "/link" {
					s.director = &clicking{at: 200 * time.Millisecond}
				}
				path, _ := s.mustTake(t)
				var readings []reading
				for _, p := range decode(t, path, msg.FPS(60), test.frames) {
					readings = append(readings, p.clocks())
				}
				runs = append(runs, readings)
				if run > 0 {
					file, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					files = append(files, file)
				}
			}
			was := reading{}
			for i, got := range runs[0] {
				next := was
				if i < test.blank {
					if got != next {
						t.Fatalf("frame %d shows %+v, want nothing", i, got)
					}
					continue
				}
				if next.frame++; got.visits != was.visits {
					next.frame = 1
				}
				if got.frame != next.frame || got.now != got.told || got.now != got.timeline {
					t.Fatalf("frame %d shows %+v after %+v: not the next, or its clocks differ", i, got, was)
				}
				if i > 0 && was.visits == got.visits && (got.now-was.now < 165 || got.now-was.now > 168) {
					t.Fatalf("frame %d shows %+v after %+v, want a frame later", i, got, was)
				}
				if i > test.blank && was.visits != got.visits && got.now > 170 || i == 0 && got.now != 10 {
					t.Fatalf("frame %d shows %+v, want a document that begins", i, got)
				}
				if at := i*1000/60 + 1; got.date < at-2 || got.date > at+12 {
					t.Fatalf("frame %d shows %+v, want a date of about %d", i, got, at)
				}
				was = got
			}
			if was.visits != test.visits {
				t.Errorf("the last frame shows visits %b, want %b", was.visits, test.visits)
			}
			for _, run := range runs[1:] {
				for i := range run {
					if runs[0][i] != run[i] {
						t.Fatalf("frame %d shows %+v in one run, %+v in another", i, runs[0][i], run[i])
					}
				}
			}
			if len(files) > 1 && !bytes.Equal(files[0], files[1]) {
				t.Error("two recordings are not the same byte for byte")
			}
		})
	}
}

// The page is requested once, and has the address and the referrer that it would have.
func TestAPageOfAnotherProcessIsAskedForOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	verdict := barcode + `<script>paint(crossOriginIsolated && location.hash == "#part" && document.referrer == location.origin + "/from?here" && history.length < 4 ? 7 : 8)</script>`
	url := site(t, map[string]http.HandlerFunc{
		"/from": html(`<script>setTimeout(() => { location = "/isolated#part" }, 100)</script>`),
		"/isolated": isolated(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			_, _ = zip.Write([]byte("<!doctype html>" + verdict))
			_ = zip.Close()
		}),
	})
	path, _ := shot{url: url + "/from?here", frames: 20}.mustTake(t)
	if n := decode(t, path, msg.FPS(60), 20)[19].number(); n != 7 || asked.Load() != 1 {
		t.Errorf("the page shows %d, want 7, and was asked for %d times", n, asked.Load())
	}
}

// A document that never answers is waited for once, and the page that leads to it stays, with the
// same time.
func TestAPageThatLeadsToOneThatNeverAnswersStays(t *testing.T) {
	const away = `<script>setTimeout(() => { location = "/hang" }, 100)</script>`
	url := site(t, map[string]http.HandlerFunc{
		"/moving": html(counting + away),
		"/still":  html(barcode + away + `<script>paint(1); setTimeout(() => paint(60), 950)</script>`),
		"/hang":   hang,
	})
	bounds := brief
	bounds.Requests, bounds.Call = time.Hour, 2*time.Second
	for page, before := range map[string]int{"moving": 50, "still": 1} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			path, _, err := shot{url: url + "/" + page, frames: 60, bounds: bounds}.take(ctx, t)
			if err != nil {
				t.Fatal(err)
			}
			pictures := decode(t, path, msg.FPS(60), 60)
			if early, last := pictures[49].number(), pictures[59].number(); early != before || last != 60 {
				t.Errorf("frames 49 and 59 show %d and %d, want %d and 60", early, last, before)
			}
		})
	}
}
