package recorder

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// recordHTML records a page of a scene's own, and returns its first picture.
func recordHTML(t *testing.T, r *Recorder, page string) image.Image {
	t.Helper()
	list, _, err := pictures(t, r, msg.InlineURL, scene.Options{HTML: page}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// pictures records six frames, and returns those that differ from the one before.
func pictures(t *testing.T, r *Recorder, url string, o scene.Options, attempt int) (list []image.Image, warnings []msg.Warning, err error) {
	t.Helper()
	dir := t.TempDir()
	facts, err := r.Record(t.Context(), Job{
		Params: msg.RecordParams{Scene: 2, URL: url, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 6, Options: o},
		Dir:    dir, Attempt: attempt, Log: zerolog.Nop(),
	})
	if err != nil {
		return nil, nil, err
	}
	if facts.Frames != 6 {
		t.Errorf("it has %d frames", facts.Frames)
	}
	stored, err := os.ReadFile(PiecePath(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	for at := bytes.Index(stored, []byte{0xff, 0xd8, 0xff}); at >= 0 && at < len(stored); {
		picture, err := jpeg.Decode(bytes.NewReader(stored[at:]))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, picture)
		next := bytes.Index(stored[at+2:], []byte{0xff, 0xd8, 0xff})
		if next < 0 {
			break
		}
		at += 2 + next
	}
	return list, facts.Warnings, nil
}

// halves is a picture, red on its left and blue on its right.
func halves(t *testing.T) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 320, 180))
	for y := range 180 {
		for x := range 320 {
			picture.Set(x, y, map[bool]color.RGBA{true: {R: 0xc0, A: 0xff}, false: {B: 0xc0, A: 0xff}}[x < 160])
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// A picture is moved on the page's clock, frame by frame.
func TestAPictureIsShownWithPanAndZoom(t *testing.T) {
	file := halves(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a&b.png":
			_, _ = w.Write(file)
		case "/text":
			_, _ = w.Write([]byte("no picture"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer srv.Close()
	left, right := 0.0, 1.0
	r := testHandler(t).Recorder
	list, warnings, err := pictures(t, r, srv.URL+"/a&b.png?x=1", scene.Options{Image: &scene.Image{
		From: &scene.View{Zoom: 1.5, X: &left}, To: &scene.View{Zoom: 1.5, X: &right},
	}}, 0)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	red, blue := color.RGBA{R: 0xc0}, color.RGBA{B: 0xc0}
	// The seam goes from three quarters of the width to a third of it, in the frame before the end.
	if len(list) != 6 || !colourAt(list[0], 232, 90, red) || !colourAt(list[0], 248, 90, blue) ||
		!colourAt(list[5], 98, 90, red) || !colourAt(list[5], 115, 90, blue) {
		t.Errorf("%d pictures: the first has %v and %v, the last %v and %v", len(list), list[0].At(232, 90), list[0].At(248, 90),
			list[len(list)-1].At(98, 90), list[len(list)-1].At(115, 90))
	}
	if list, _, err = pictures(t, r, srv.URL+"/a&b.png", scene.Options{Image: &scene.Image{}}, 0); err != nil || len(list) != 1 ||
		!colourAt(list[0], 150, 10, red) || !colourAt(list[0], 170, 170, blue) {
		t.Errorf("a picture that stands: %d pictures, %v", len(list), err)
	}
	for _, path := range []string{"/text", "/missing.png"} {
		_, _, err := pictures(t, r, srv.URL+path+"?token=secret", scene.Options{Image: &scene.Image{}}, 0)
		var failed *stage.Error
		if !errors.As(err, &failed) || failed.Code != msg.CodeSceneImage || !strings.HasPrefix(failed.Message, "Scene 2 could not be recorded: "+srv.URL+path+" is no picture") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What stands in for a page is recorded as a scene is, and said to stand in.
func TestAPageThatCannotBeShownIsReplacedByItsFallback(t *testing.T) {
	file := halves(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html><body style='background:#20c040'>other"))
		case "/halves.png":
			_, _ = w.Write(file)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer srv.Close()
	r, green := testHandler(t).Recorder, color.RGBA{R: 0x20, G: 0xc0, B: 0x40}
	html := &scene.Fallback{HTML: "<!doctype html><body style='background:#20c040'>sorry"}
	for name, c := range map[string]struct {
		path     string
		fallback *scene.Fallback
		attempt  int
		want     color.RGBA
	}{
		"html":                          {"/gone", html, 1, green},
		"another page":                  {"/gone", &scene.Fallback{URL: srv.URL + "/other"}, 1, green},
		"a picture":                     {"/gone", &scene.Fallback{Image: srv.URL + "/halves.png"}, 1, color.RGBA{B: 0xc0}},
		"after what may pass did not":   {"/busy", html, 2, green},
		"not before it is tried again":  {"/busy", html, 1, color.RGBA{}},
		"not where it cannot be either": {"/gone", &scene.Fallback{URL: srv.URL + "/gone, too"}, 1, color.RGBA{}},
	} {
		t.Run(name, func(t *testing.T) {
			list, warnings, err := pictures(t, r, srv.URL+c.path+"?q=secret", scene.Options{
				Fallback: c.fallback, Actions: []scene.Action{{Do: "click", Selector: "#there"}}, Strict: []string{"page_unchanged_blank"},
			}, c.attempt)
			if c.want == (color.RGBA{}) {
				var failed *stage.Error
				if !errors.As(err, &failed) || failed.Code != msg.CodeSceneStatus || !strings.Contains(failed.Message, srv.URL+c.path+" answered") {
					t.Errorf("it ends with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !colourAt(list[0], 300, 170, c.want) {
				t.Errorf("the picture has %v", list[0].At(300, 170))
			}
			if len(warnings) == 0 || warnings[0].Code != msg.CodeSceneFallback || strings.Contains(warnings[0].Message, "secret") ||
				!strings.HasPrefix(warnings[0].Message, "Scene 2 shows its fallback. Scene 2 could not be recorded: "+srv.URL+c.path+" answered") {
				t.Errorf("the warnings are %+v", warnings)
			}
		})
	}
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
