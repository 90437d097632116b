package direct_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	"net/http"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/direct"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

const width, height = 320, 180

// generous suits a busy machine.
var generous = capture.Bounds{Load: time.Minute, Request: 5 * time.Second, Requests: 20 * time.Second, Call: time.Minute}

// film keeps the pictures of a capture.
type film struct{ pictures [][]byte }

func (f *film) Frame(jpeg []byte) (bool, error) {
	f.pictures = append(f.pictures, jpeg)
	return true, nil
}

func (f *film) Repeat() error {
	f.pictures = append(f.pictures, f.pictures[len(f.pictures)-1])
	return nil
}

// take captures frames of a page, as the recorder does, with options.
func take(ctx context.Context, t *testing.T, url string, frames int, o scene.Options) ([]image.Image, error) {
	t.Helper()
	return takeAs(ctx, t, msg.ModeExact, url, frames, o)
}

// takeAs is take in a mode.
func takeAs(ctx context.Context, t *testing.T, mode msg.Mode, url string, frames int, o scene.Options) ([]image.Image, error) {
	t.Helper()
	window := o.Window(width, height)
	asked := chrome.Options{
		Frames: capture.Frames(mode), Width: window.Width, Height: window.Height, ScaleFactor: window.Scale,
		ReducedMotion: o.ReducedMotion,
	}
	if asked != direct.Pool.Options {
		browser := chrometest.Start(t, "127.0.0.1", asked)
		defer browser.End()
		return takeIn(ctx, t, browser, mode, url, frames, o)
	}
	browser := direct.Pool.Borrow(t)
	pictures, err := takeIn(ctx, t, browser, mode, url, frames, o)
	direct.Pool.Return(browser, err)
	return pictures, err
}

// takeIn is takeAs in a Chrome that was started for the options.
func takeIn(
	ctx context.Context, t *testing.T, browser *chrometest.Browser, mode msg.Mode, url string, frames int, o scene.Options,
) ([]image.Image, error) {
	t.Helper()
	p := msg.RecordParams{Scene: 1, URL: url, Rate: msg.FPS(60), Frames: frames, Options: o}
	p.Width, p.Height = o.Picture(width, height)
	window := o.Window(width, height)
	f := &film{}
	err := capture.Run(ctx, capture.Browser{Client: browser.Client, Kill: browser.Kill}, capture.Options{
		URL: url, Width: window.Width, Height: window.Height, Rate: p.Rate, Frames: frames, Quality: 92, Bounds: generous,
		Mode: mode, Unreached: browser.Proxy.Failure, Director: direct.New(p),
	}, f)
	if err != nil {
		return nil, err
	}
	pictures := make([]image.Image, len(f.pictures))
	for i, data := range f.pictures {
		if i > 0 && bytes.Equal(data, f.pictures[i-1]) {
			pictures[i] = pictures[i-1]
			continue
		}
		if pictures[i], _, err = image.Decode(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if size := pictures[i].Bounds().Size(); size.X != p.Width || size.Y != p.Height {
			t.Fatalf("picture %d has %v pixels, want %d × %d", i, size, p.Width, p.Height)
		}
	}
	return pictures, nil
}

// first is the first picture of a page.
func first(t *testing.T, url string, o scene.Options) image.Image {
	t.Helper()
	pictures, err := take(t.Context(), t, url, 1, o)
	if err != nil {
		t.Fatalf("capture %s: %v", url, err)
	}
	return pictures[0]
}

// The colours that pages of these tests are made of.
var (
	white = color.RGBA{255, 255, 255, 255}
	black = color.RGBA{0, 0, 0, 255}
	red   = color.RGBA{255, 0, 0, 255}
	green = color.RGBA{0, 128, 0, 255}
	blue  = color.RGBA{0, 0, 255, 255}
)

// wantColour checks a pixel, which JPEG does not keep exactly.
func wantColour(t *testing.T, picture image.Image, x, y int, want color.RGBA, what string) {
	t.Helper()
	r, g, b, _ := picture.At(x, y).RGBA()
	near := func(got uint32, want uint8) bool { return max(int(got>>8), int(want))-min(int(got>>8), int(want)) < 24 }
	if !near(r, want.R) || !near(g, want.G) || !near(b, want.B) {
		t.Errorf("%s: the pixel at %d, %d is %02x%02x%02x, want %02x%02x%02x", what, x, y, r>>8, g>>8, b>>8, want.R, want.G, want.B)
	}
}

// site serves pages by path.
func site(t *testing.T, pages map[string]http.HandlerFunc) string { return chrometest.Site(t, pages) }

// html is a page.
func html(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<!doctype html><meta charset=utf-8><style>body{margin:0}</style>"+body)
	}
}

// verdict is a page that is green when a condition in JavaScript holds, and says otherwise what it
// found.
func verdict(condition, found string) http.HandlerFunc {
	return html(fmt.Sprintf(`<body style="background:red"><script>
		if (%s) document.body.style.background = "green"
		else document.body.textContent = String(%s)
	</script>`, condition, found))
}

// wantGreen records a page that is green when all is well.
func wantGreen(t *testing.T, url string, o scene.Options) {
	t.Helper()
	wantColour(t, first(t, url, o), 300, 170, green, url)
}
