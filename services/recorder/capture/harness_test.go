package capture_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
	"github.com/loom-lite/loom-lite/services/recorder/mezzanine"
)

const width, height = 320, 180

// shot is a capture to make.
type shot struct {
	url        string
	size       image.Point // default: width by height
	rate       msg.Rate
	frames     int
	mode       msg.Mode       // default: exact
	bounds     capture.Bounds // default: generous
	repeatable bool
	// browser takes it; default: a Chrome of its own, as the recorder starts one for each capture.
	browser *chrometest.Browser
	// pooled: a Chrome of pools takes it, which may have shown other pages.
	pooled bool
	// director is the capture's; it may be nil.
	director capture.Director
	// allow is EGRESS_ALLOW; empty allows loopback.
	allow string
	// started is called with the process when it runs, progress after each frame.
	started     func(*chrome.Process)
	progress    func(p *chrome.Process, frames int)
	still       func(bool)
	diagnostics capture.Diagnostics
}

// generous suits a busy machine: a request that is answered holds page time however late that is.
// brief suits pages of which some requests are never answered, impatient those that fail for it.
var (
	generous  = capture.Bounds{Load: time.Minute, Request: 20 * time.Second, Requests: 20 * time.Second, Call: time.Minute}
	brief     = capture.Bounds{Load: time.Minute, Request: 400 * time.Millisecond, Requests: 4 * time.Second, Call: time.Minute}
	impatient = capture.Bounds{Load: time.Second, Request: 400 * time.Millisecond, Requests: time.Second, Call: 1500 * time.Millisecond}
)

// shared returns s with a browser until the test ends, for captures one after another whose pages
// do each other no harm. Starting a Chrome costs as much as 80 frames.
func (s shot) shared(t *testing.T) shot {
	t.Helper()
	s.browser = s.completed().start(t)
	t.Cleanup(s.browser.End)
	return s
}

// start starts a Chrome for s, whose defaults are set.
func (s shot) start(t *testing.T) *chrometest.Browser {
	t.Helper()
	return chrometest.Start(t, s.allow, s.chrome())
}

// chrome is how a Chrome for s is started, whose defaults are set.
func (s shot) chrome() chrome.Options {
	return chrome.Options{Frames: capture.Frames(s.mode), Width: s.size.X, Height: s.size.Y, Repeatable: s.repeatable}
}

// completed returns s with the defaults set.
func (s shot) completed() shot {
	if s.size == (image.Point{}) {
		s.size = image.Pt(width, height)
	}
	if s.rate == (msg.Rate{}) {
		s.rate = msg.FPS(60)
	}
	if s.bounds == (capture.Bounds{}) {
		s.bounds = generous
	}
	if s.allow == "" {
		s.allow = "127.0.0.1"
	}
	return s
}

// take captures into a file and returns its path and what it holds. Chrome must be installed, and
// is gone afterwards unless it is shared or pooled.
func (s shot) take(ctx context.Context, t *testing.T) (path string, facts msg.RecordFacts, err error) {
	t.Helper()
	s = s.completed()
	p := s.browser
	switch {
	case p != nil:
		defer p.Clear()
	case s.pooled:
		pool := pools[capture.Frames(s.mode)]
		if s.allow != pool.Allow || s.chrome() != pool.Options {
			t.Fatal("no Chrome of a pool is as this shot asks for")
		}
		p = pool.Borrow(t)
		defer func() { pool.Return(p, err) }()
	default:
		p = s.start(t)
		defer p.End()
	}
	if s.started != nil {
		s.started(p.Process)
	}
	path = filepath.Join(t.TempDir(), "mezzanine.mov")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	out, err := mezzanine.New(file, mezzanine.Format{Width: s.size.X, Height: s.size.Y, Rate: s.rate})
	if err != nil {
		t.Fatal(err)
	}
	err = capture.Run(ctx, capture.Browser{Client: p.Client, Kill: p.Kill, Still: s.still}, capture.Options{
		URL: s.url, Width: s.size.X, Height: s.size.Y, Rate: s.rate, Frames: s.frames, Quality: 92, Bounds: s.bounds,
		Mode: s.mode, Unreached: p.Proxy.Failure, Repeatable: s.repeatable, Diagnostics: s.diagnostics, Director: s.director,
		Progress: func(n int) {
			if s.progress != nil {
				s.progress(p.Process, n)
			}
		},
	}, out)
	if err != nil {
		return "", facts, err
	}
	facts, err = out.Close()
	return path, facts, err
}

// mustTake is take for a page that can be captured.
func (s shot) mustTake(t *testing.T) (path string, facts msg.RecordFacts) {
	t.Helper()
	path, facts, err := s.take(t.Context(), t)
	if err != nil {
		t.Fatalf("capture %s: %v", s.url, err)
	}
	if facts.Frames != s.frames {
		t.Fatalf("%d frames, want %d", facts.Frames, s.frames)
	}
	return path, facts
}

// picture is a decoded frame: one byte of luma per pixel.
type picture []byte

func (p picture) at(x, y int) byte { return p[y*width+x] }

// decodeAs returns every frame of a mezzanine as FFmpeg decodes it, repeated ones repeated. Of
// larger ones it returns the top left corner.
func decodeAs(t *testing.T, path string, rate msg.Rate, frames int, format string, bytesPerPixel int) [][]byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", path,
		"-vf", fmt.Sprintf("fps=%s,tpad=stop_mode=clone:stop=-1,crop=%d:%d:0:0", rate, width, height), "-frames:v", fmt.Sprint(frames),
		"-pix_fmt", format, "-f", "rawvideo", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg (apt install ffmpeg): %v: %s", err, stderr.String())
	}
	size := width * height * bytesPerPixel
	if len(raw) != frames*size {
		t.Fatalf("ffmpeg decoded %d bytes, want %d frames of %d", len(raw), frames, size)
	}
	return slices.Collect(slices.Chunk(raw, size))
}

// number reads the barcode that pages of this test paint: 16 cells of 20 by 40 pixels, or 20 by 16
// on pages of rows, the highest bit first.
func (p picture) number() int { return p.numberAt(middle(0)) }

// numberAt is number for a barcode whose middle is y.
func (p picture) numberAt(y int) int {
	n := 0
	for bit := range 16 {
		n <<= 1
		if p.at(20*bit+10, y) > 127 {
			n |= 1
		}
	}
	return n
}

// bar returns the left edge of the white bar in the band at the bottom, -1 when there is none.
func (p picture) bar() int { return p.edge(150) }

// edge returns the first white pixel of a row, -1 when there is none.
func (p picture) edge(y int) int {
	for x := range width {
		if p.at(x, y) > 127 {
			return x
		}
	}
	return -1
}

// site serves pages by path.
func site(t *testing.T, pages map[string]http.HandlerFunc) string { return chrometest.Site(t, pages) }

// html is a page.
func html(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<!doctype html><meta charset=utf-8>"+body)
	}
}

// hang answers nothing until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// barcode declares paint(n), which paints n.
const barcode = `<style>body{margin:0;background:#000;overflow:hidden}i{position:absolute;top:0;width:20px;height:40px}</style>
<script>
const cells = [];
for (let b = 0; b < 16; b++) { const i = document.createElement("i"); i.style.left = 20 * b + "px"; document.documentElement.append(i); cells.push(i) }
function paint(n) { cells.forEach((c, b) => c.style.background = n >> (15 - b) & 1 ? "#fff" : "#000") }
</script>`

// counting paints how many animation frames there were.
const counting = barcode + `<script>let n = 0; requestAnimationFrame(function f() { paint(++n); requestAnimationFrame(f) })</script>`
