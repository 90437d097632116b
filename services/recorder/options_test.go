package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// guardedPage is a page for those who hold every secret.
func guardedPage(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		cookie, err := r.Cookie("session")
		if err != nil || user != "ada" || password != "secret-1" || cookie.Value != "secret-2" || r.Header.Get("X-Key") != "secret-3" {
			w.Header().Set("WWW-Authenticate", `Basic realm="preview"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Hello</h1>")
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func guardedOptions() scene.Options {
	return scene.Options{
		Viewport:  &scene.Viewport{Width: 240, Height: 320, DeviceScaleFactor: 2},
		BasicAuth: &scene.BasicAuth{Username: "ada", Password: "secret-1"},
		Cookies:   []scene.Cookie{{Name: "session", Value: "secret-2"}},
		Headers:   map[string]string{"X-Key": "secret-3"},
	}
}

func TestASceneIsRecordedAsItsOptionsSay(t *testing.T) {
	b := newBucket(t)
	task := newTask(t, b, msg.RecordParams{
		Scene: 1, URL: guardedPage(t), Width: 480, Height: 640, Rate: msg.FPS(60), Frames: 6, Options: guardedOptions(),
	})
	facts, err := testHandler(t).Handle(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := facts.(msg.RecordFacts); !ok || f.Frames != 6 || len(f.Warnings) > 0 {
		t.Errorf("facts are %+v", facts)
	}
	stored := b.objects["/"+msg.PieceName(0)]
	picture, err := jpeg.DecodeConfig(bytes.NewReader(stored[max(0, bytes.Index(stored, []byte{0xff, 0xd8, 0xff})):]))
	if err != nil || picture.Width != 480 || picture.Height != 640 {
		t.Errorf("the picture has %d × %d pixels, %v", picture.Width, picture.Height, err)
	}
}

// The render goes on, and its owner is told.
func TestAScrollThatMovesNothingIsAWarningOfTheRender(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Hello</h1>")
	}))
	defer page.Close()
	record := func(strict ...string) (msg.RecordFacts, error) {
		return testHandler(t).Record(t.Context(), Job{
			Params: msg.RecordParams{
				Scene: 3, URL: page.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 6,
				Options: scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.05}, Strict: strict},
			},
			Dir: t.TempDir(), Log: zerolog.Nop(),
		})
	}
	facts, err := record()
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.Warnings) != 1 || facts.Warnings[0].Code != msg.CodeSceneScroll || facts.Warnings[0].Scene != 3 ||
		!strings.Contains(facts.Warnings[0].Message, "Scene 3: scroll moved nothing") {
		t.Errorf("warnings are %+v", facts.Warnings)
	}
	_, err = record(string(msg.CodeSceneScroll))
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Code != msg.CodeSceneScroll || !failure.Permanent {
		t.Errorf("where strict names it, it ends with %v", err)
	}
}

func TestNoFailureTellsTheSecretsOfOptions(t *testing.T) {
	for name, change := range map[string]func(*scene.Options){
		"a wrong password": func(o *scene.Options) { o.BasicAuth.Password = "secret-4" },
		"a cookie that is bad": func(o *scene.Options) {
			o.Cookies = append(o.Cookies, scene.Cookie{Name: "__Host-a", Value: "secret-5"})
		},
		"a wait in vain":         func(o *scene.Options) { o.WaitFor = &scene.WaitFor{Selector: "#none", TimeoutSeconds: 0.2} },
		"a script that throws":   func(o *scene.Options) { o.JS = "throw new Error(document.cookie + 'secret-6')" },
		"a selector that is bad": func(o *scene.Options) { o.Hide = []string{"secret-7:"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := guardedOptions()
			change(&o)
			task := newTask(t, newBucket(t), msg.RecordParams{
				Scene: 1, URL: guardedPage(t), Width: 480, Height: 640, Rate: msg.FPS(60), Frames: 3, Options: o,
			})
			var log bytes.Buffer
			task.Log = zerolog.New(&log)
			_, err := testHandler(t).Handle(t.Context(), task)
			var failure *stage.Error
			if !errors.As(err, &failure) {
				t.Fatalf("the handler returned %v", err)
			}
			if text := failure.Message + err.Error() + log.String(); strings.Contains(text, "secret") {
				t.Errorf("a secret is in %q", text)
			}
		})
	}
}
