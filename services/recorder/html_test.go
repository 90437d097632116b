package recorder

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// recordHTML records a page of a scene's own, and returns its first picture.
func recordHTML(t *testing.T, r *Recorder, page string) image.Image {
	t.Helper()
	dir := t.TempDir()
	facts, err := r.Record(t.Context(), Job{
		Params: msg.RecordParams{Scene: 1, URL: msg.InlineURL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 6, Options: scene.Options{HTML: page}},
		Dir:    dir, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if facts.Frames != 6 {
		t.Errorf("it has %d frames", facts.Frames)
	}
	stored, err := os.ReadFile(PiecePath(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := jpeg.Decode(bytes.NewReader(stored[max(0, bytes.Index(stored, []byte{0xff, 0xd8, 0xff})):]))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// colourAt reports whether a pixel is of a colour, as nearly as a JPEG has it.
func colourAt(picture image.Image, x, y int, want color.RGBA) bool {
	r, g, b, _ := picture.At(x, y).RGBA()
	near := func(got uint32, want uint8) bool { return max(int(got>>8), int(want))-min(int(got>>8), int(want)) < 12 }
	return near(r, want.R) && near(g, want.G) && near(b, want.B)
}

// A title card comes from memory. What it loads is bound as what any page loads: here, no address
// of this machine.
func TestAScenesOwnHTMLIsRecordedFromMemory(t *testing.T) {
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	strict, err := New(Config{ChromeSandbox: "off", Pinning: "off"})
	if err != nil {
		t.Fatal(err)
	}
	card := `<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#2040c0}p{position:absolute;inset:0 50% 0 0;margin:0;background:#c02040}</style>
		<p>Grüße, Ada</p><img src="` + inside.URL + `/x.png"><script>fetch("` + inside.URL + `").catch(() => {}); if (location.href !== "` + msg.InlineURL + `") document.body.remove()</script>`
	picture := recordHTML(t, strict, card)
	if !colourAt(picture, 300, 90, color.RGBA{R: 0x20, G: 0x40, B: 0xc0}) || !colourAt(picture, 140, 170, color.RGBA{R: 0xc0, G: 0x20, B: 0x40}) {
		t.Errorf("the picture has %v and %v", picture.At(300, 90), picture.At(140, 170))
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("this machine was asked %d times", n)
	}
}

func TestWhatIsWrongWithAScenesOwnHTMLIsNotSaidOfAnAddress(t *testing.T) {
	_, err := testHandler(t).Record(t.Context(), Job{
		Params: msg.RecordParams{Scene: 4, URL: msg.InlineURL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 6,
			Options: scene.Options{HTML: `<!doctype html><script>location.href = "/elsewhere"</script>`}},
		Dir: t.TempDir(), Log: zerolog.Nop(),
	})
	if err == nil || strings.Contains(err.Error(), "scene.invalid") {
		t.Errorf("it says %v", err)
	}
}
