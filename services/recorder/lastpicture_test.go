package recorder

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

func TestTheLastPictureStandsForTheRestOfAScene(t *testing.T) {
	const rest = ", then try again."
	for name, test := range map[string]struct{ code, why string }{
		"endless script": {`for (;;);`, " did not respond in time. Check that the page loads" + rest},
		"crash":          {`"a".repeat(2 ** 27 + 4096).split("")`, " crashed the browser. Check that the page works" + rest},
		"memory": {
			`const a = []; for (;;) a.push(new Array(1e6).fill(Math.random()))`,
			" took more memory than a scene may have. Use a page that shows less at once.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(script("setTimeout(() => { " + test.code + " }, 10_000)"))
			defer srv.Close()
			h := testHandler(t)
			h.bounds, h.memory = patient, roomy
			switch name {
			case "endless script":
				h.bounds.Call = 6 * time.Second
			case "memory":
				h.memory = tight
			}
			// 11 s, so that the page's load takes no part of the time until it stops
			const rate, frames = 10, 110
			b := newBucket(t)
			task := newTask(t, b, msg.RecordParams{
				Scene: 4, URL: srv.URL + "/a?key=secret", Width: 320, Height: 180, Rate: msg.FPS(rate), Frames: frames,
				Options: scene.Options{OnError: scene.OnErrorLastPicture},
			})
			got, err := h.Handle(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			facts := got.(msg.RecordFacts)
			if facts.Frames != frames || facts.Distinct < 67 || facts.Distinct > 101 || facts.Bytes != int64(len(b.objects["/"+msg.PieceName(0)])) {
				t.Errorf("%d frames of %d pictures, %d bytes of which %d are stored", facts.Frames, facts.Distinct, facts.Bytes, len(b.objects["/"+msg.PieceName(0)]))
			}
			if len(facts.Warnings) != 1 {
				t.Fatalf("warnings are %+v", facts.Warnings)
			}
			w, begin, end := facts.Warnings[0], "Scene 4 shows its last picture from second ", " on: "+srv.URL+"/a"+test.why
			if w.Code != msg.CodeSceneLastPicture || w.Scene != 4 || !strings.HasPrefix(w.Message, begin) || !strings.HasSuffix(w.Message, end) {
				t.Errorf("the warning is %+v, want %s…%s", w, begin, end)
			}
		})
	}
}

func TestWithoutAFirstPictureThereIsNoLastOne(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	task := newTask(t, newBucket(t), msg.RecordParams{
		Scene: 1, URL: srv.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30,
		Options: scene.Options{OnError: scene.OnErrorLastPicture},
	})
	_, err := testHandler(t).Handle(t.Context(), task)
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Code != msg.CodeSceneStatus {
		t.Errorf("the handler returned %v, want %s", err, msg.CodeSceneStatus)
	}
}

// What is not the page's doing is not made up for: it is tried again, or fails the scene.
func TestTheLastPictureStandsForNothingElse(t *testing.T) {
	srv := httptest.NewServer(page(moving))
	defer srv.Close()
	h := testHandler(t)
	h.maxBytes = 20_000
	task := newTask(t, newBucket(t), msg.RecordParams{
		Scene: 1, URL: srv.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 600,
		Options: scene.Options{OnError: scene.OnErrorLastPicture},
	})
	_, err := h.Handle(t.Context(), task)
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Code != msg.CodeSceneTooLarge {
		t.Errorf("the handler returned %v, want %s", err, msg.CodeSceneTooLarge)
	}
}

func TestTheWarningOfALastPictureSaysSince(t *testing.T) {
	for frames, want := range map[int]string{1: "0.0", 90: "1.5", 30 * 3600: "1800.0"} {
		w := lastPicture(msg.RecordParams{Scene: 1, URL: "https://example.com/", Rate: msg.FPS(60)}, frames, errors.New("x"))
		if !strings.Contains(w.Message, fmt.Sprintf("from second %s on", want)) {
			t.Errorf("%d frames became %q", frames, w.Message)
		}
	}
}
