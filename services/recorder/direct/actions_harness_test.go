package direct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

const stageWidth, stageHeight = 320, 180

// Pool has Chromes of that size, for the tests that do not ask for more.
var Pool = chrometest.Pool{Allow: "127.0.0.1", Options: chrome.Options{Width: stageWidth, Height: stageHeight, ScaleFactor: 1}}

// stageShot is a capture of pages, by path, with what is asked of the scene.
type stageShot struct {
	pages   map[string]string
	options scene.Options
	frames  int // at 60 a second
	// header is added to every answer.
	header http.Header
	// unpooled: in a Chrome that has shown nothing before.
	unpooled bool
	// phone: pages may ask for a window of another width, which is shown smaller.
	phone bool
	// around wraps the director; it may be nil.
	around func(capture.Director) capture.Director
	// warned is told what the scene is warned of; nil to leave it.
	warned *[]msg.Warning
}

// stagePage is a shot of one page.
func stagePage(body string, frames int, o scene.Options) stageShot {
	return stageShot{pages: map[string]string{"/": body}, options: o, frames: frames}
}

// take captures and returns every frame. The options must be some that a user may ask for.
func (s stageShot) take(t *testing.T) ([]stagePicture, error) {
	t.Helper()
	url := chrometest.Site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		body, ok := s.pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		for name, values := range s.header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if !strings.HasPrefix(body, stageQuirks) {
			body = "<!doctype html>" + body
		}
		_, _ = fmt.Fprint(w, body)
	}})
	var browser *chrometest.Browser
	if s.unpooled {
		browser = chrometest.Start(t, Pool.Allow, Pool.Options)
	} else {
		browser = Pool.Borrow(t)
	}
	params := msg.RecordParams{
		Scene: 1, URL: url, Width: stageWidth, Height: stageHeight, Rate: msg.FPS(60), Frames: s.frames, Options: s.options,
	}
	own := New(params)
	var director capture.Director = own
	if s.phone {
		director = stagePhone{director}
	}
	if s.around != nil {
		director = s.around(director)
	}
	sink := &stageSink{t: t}
	err := capture.Run(t.Context(), capture.Browser{Client: browser.Client, Kill: browser.Kill}, capture.Options{
		URL: params.URL, Width: params.Width, Height: params.Height, Rate: params.Rate, Frames: params.Frames, Quality: 95,
		Bounds:   capture.Bounds{Load: time.Minute, Request: 5 * time.Second, Requests: 20 * time.Second, Call: time.Minute},
		Director: director,
	}, sink)
	if s.unpooled {
		browser.End()
	} else {
		Pool.Return(browser, err)
	}
	if s.warned != nil {
		*s.warned = own.Warnings()
	}
	return sink.pictures, err
}

// stagePhone makes the browser a phone's.
type stagePhone struct{ capture.Director }

func (d stagePhone) Prepare(ctx context.Context, page *rod.Page) error {
	err := proto.EmulationSetDeviceMetricsOverride{Width: stageWidth, Height: stageHeight, DeviceScaleFactor: 1, Mobile: true}.Call(page)
	return errors.Join(err, d.Director.Prepare(ctx, page))
}

// mustTake is take of what can be captured.
func (s stageShot) mustTake(t *testing.T) []stagePicture {
	t.Helper()
	pictures, err := s.take(t)
	if err != nil {
		t.Fatalf("capture: %v", err)
	}
	if len(pictures) != s.frames {
		t.Fatalf("%d frames, want %d", len(pictures), s.frames)
	}
	if dir := os.Getenv("STAGE_PICTURES"); dir != "" { // to look at
		for i, p := range pictures {
			_ = os.WriteFile(fmt.Sprintf("%s/%s-%03d.jpg", dir, strings.ReplaceAll(t.Name(), "/", "-"), i), p.jpeg, 0o644)
		}
	}
	return pictures
}

// stageSink keeps every frame's picture.
type stageSink struct {
	t        *testing.T
	pictures []stagePicture
}

func (s *stageSink) Frame(data []byte) (bool, error) {
	changed := len(s.pictures) == 0 || !bytes.Equal(data, s.pictures[len(s.pictures)-1].jpeg)
	s.pictures = append(s.pictures, stagePicture{data, sync.OnceValue(func() image.Image {
		img, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			s.t.Fatal(err)
		}
		return img
	})})
	return changed, nil
}

func (s *stageSink) Repeat() error {
	s.pictures = append(s.pictures, s.pictures[len(s.pictures)-1])
	return nil
}

// stagePicture is a frame. It is decoded when it is looked at.
type stagePicture struct {
	jpeg  []byte
	image func() image.Image
}

func (p stagePicture) light(x, y int) bool {
	return color.GrayModel.Convert(p.image().At(x, y)).(color.Gray).Y > 127
}

// number reads the barcode in the row y: 16 cells that are 20 pixels wide, the highest bit first.
func (p stagePicture) number(y int) int {
	n := 0
	for bit := range 16 {
		n <<= 1
		if p.light(20*bit+10, y) {
			n |= 1
		}
	}
	return n
}

// scrolled reads how far a page of stageStripes is scrolled, from the row top of the picture on:
// where one block ends.
func (p stagePicture) scrolled(top int) int {
	first := p.number(top)
	for y := top + 1; y < top+stageBlock; y++ {
		if n := p.number(y); n != first {
			return n*stageBlock - y
		}
	}
	return first*stageBlock + stageBlock - top - stageBlock
}

// stageQuirks begins a page that says nothing of its type, which browsers show as they did of old.
const stageQuirks = "<!-- old -->"

// stageBlock is how high a block of stageStripes is.
const stageBlock = 20

// stageStripes is HTML of blocks below one another, each with its number, from 0, as a barcode.
// Even ones lie on black, odd ones differ from them in the lowest bit.
func stageStripes(from, blocks int) string {
	var b strings.Builder
	for n := from; n < from+blocks; n++ {
		fmt.Fprintf(&b, `<div class=stripe id=s%d style="height:%dpx;background:linear-gradient(90deg`, n, stageBlock)
		for bit := range 16 {
			shade := "#000"
			if n>>(15-bit)&1 == 1 {
				shade = "#fff"
			}
			fmt.Fprintf(&b, ",%s %dpx %dpx", shade, 20*bit, 20*bit+20)
		}
		b.WriteString(`)"></div>`)
	}
	return b.String()
}

// stageBarcode declares paint(n), which paints n at the top of the window.
const stageBarcode = `<style>body{margin:0;background:#000}i{position:fixed;z-index:1;top:0;width:20px;height:20px;pointer-events:none}</style>
<script>
const cells = [];
for (let b = 0; b < 16; b++) { const i = document.createElement("i"); i.style.left = 20 * b + "px"; document.documentElement.append(i); cells.push(i) }
function paint(n) { cells.forEach((c, b) => c.style.background = n >> (15 - b) & 1 ? "#fff" : "#000") }
paint(0)
</script>`

// stageAt is a time of the scene for an action.
func stageAt(seconds float64) *float64 { return &seconds }
