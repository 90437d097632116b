package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
)

// bucket takes what is PUT to it.
type bucket struct {
	*httptest.Server
	objects map[string][]byte
}

func newBucket(t testing.TB) *bucket {
	t.Helper()
	b := &bucket{objects: map[string][]byte{}}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.Header.Get("Content-Type") != "video/quicktime" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.objects[r.URL.Path] = body
	}))
	t.Cleanup(b.Close)
	return b
}

func newTask(t testing.TB, b *bucket, p msg.RecordParams) *stage.Task {
	t.Helper()
	params, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]msg.Output{}
	for i := range max(1, len(p.Pieces)) {
		name := msg.PieceName(i)
		outputs[name] = msg.Output{Key: name, URL: msg.SignedURL(b.URL + "/" + name + "?signature=secret"), ContentType: "video/quicktime"}
	}
	return stage.NewTask(msg.Grant{
		Ref: msg.NewRef(msg.Record, uuid.New(), uuid.New()), Attempt: 1, Params: params,
		Outputs: outputs,
		Bundle:  &msg.Output{Key: "b", URL: msg.SignedURL(b.URL + "/b?signature=secret"), ContentType: "application/zip"},
	}, t.TempDir(), zerolog.Nop())
}

// testConfig is a recorder's that may reach loopback, with Chrome's sandbox where it can be had.
func testConfig(t testing.TB) Config {
	t.Helper()
	environ := map[string]string{
		"NATS_URL": "nats://127.0.0.1:1", "PORT": "0", "EGRESS_ALLOW": "127.0.0.1,localhost", "CHROME_PATH": os.Getenv("CHROME_PATH"),
		"WORK_DIR": t.TempDir(), "RECORDER_SLOTS": "1",
	}
	if os.Geteuid() == 0 {
		environ["CHROME_SANDBOX"] = "off"
	}
	cfg, err := LoadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = zerolog.Nop()
	return cfg
}

func testHandler(t testing.TB) handler {
	t.Helper()
	r, err := New(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	return handler{Recorder: r}
}

func TestASceneIsRecordedAndStored(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Hello</h1>")
	}))
	defer page.Close()
	b := newBucket(t)
	task := newTask(t, b, msg.RecordParams{
		Scene: 1, URL: page.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30, Pieces: []int{12, 12, 6},
	})
	facts, err := testHandler(t).Handle(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for i := range 3 {
		piece := b.objects["/"+msg.PieceName(i)]
		if len(piece) < 12 || string(piece[4:12]) != "ftypqt  " {
			t.Errorf("piece %d that is stored is no QuickTime file", i)
		}
		size += len(piece)
	}
	want := msg.RecordFacts{Frames: 30, Distinct: 1, Bytes: int64(size), Mode: msg.ModeExact}
	if !reflect.DeepEqual(facts, want) {
		t.Errorf("facts are %+v, want %+v", facts, want)
	}
	if got, want := task.Announced(), []string{msg.PieceName(0), msg.PieceName(1)}; !slices.Equal(got, want) {
		t.Errorf("%v were announced, want %v: the last goes with the result", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(task.Dir, "*.mov")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	if task.Done() != 1 {
		t.Errorf("progress ended at %v", task.Done())
	}
	if left, _ := filepath.Glob(filepath.Join(task.Dir, "chrome-*")); len(left) > 0 {
		t.Errorf("Chrome left %v", left)
	}
	if _, err := os.Stat(task.BundlePath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a failure bundle: %v", err)
	}
}

func TestARecordingEndsWhenItCannotBeStored(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Hello</h1>")
	}))
	defer page.Close()
	b := newBucket(t)
	task := newTask(t, b, msg.RecordParams{
		Scene: 1, URL: page.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 60 * 3600, Pieces: []int{60, 60*3600 - 60},
	})
	task.Outputs[msg.PieceName(0)] = msg.Output{URL: msg.SignedURL(b.URL + "/k"), ContentType: "refused/by-the-bucket"}
	_, err := testHandler(t).Handle(t.Context(), task)
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Code != msg.CodeStorage {
		t.Errorf("the handler returned %v", err)
	}
	if task.Done() > 0.5 {
		t.Errorf("it went on to %v", task.Done())
	}
}

func TestFailuresNameTheSceneAndKeepItsSecrets(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `<!doctype html><body style="background:#00c">There is no such page`)
	}))
	defer page.Close()
	address := strings.Replace(page.URL, "http://", "http://user:password@", 1) + "/a/b?token=secret#part"
	task := newTask(t, newBucket(t), msg.RecordParams{Scene: 2, URL: address, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30})
	_, err := testHandler(t).Handle(t.Context(), task)
	var failure *stage.Error
	if !errors.As(err, &failure) {
		t.Fatalf("the handler returned %v", err)
	}
	want := "Scene 2 could not be recorded: " + page.URL + "/a/b answered 404 Not Found. Check the scene's URL."
	if failure.Message != want || failure.Code != msg.CodeSceneStatus || !failure.Permanent {
		t.Errorf("the failure is %s, permanent %v: %q, want %q", failure.Code, failure.Permanent, failure.Message, want)
	}
	if text := failure.Message + err.Error(); strings.Contains(text, "secret") || strings.Contains(text, "password") {
		t.Errorf("a secret of the URL is in %q", text)
	}
	files, _ := unzip(t, task.BundlePath())
	for name, text := range files {
		if bytes.Contains(text, []byte("secret")) || bytes.Contains(text, []byte("password")) {
			t.Errorf("a secret of the URL is in the bundle's %s:\n%s", name, text)
		}
	}
	if len(files) != 4 {
		t.Errorf("the bundle has %d files", len(files))
	}
	picture, err := jpeg.Decode(bytes.NewReader(files[bundle.PictureFile]))
	if err != nil {
		t.Fatalf("the picture: %v", err)
	}
	if r, _, b, _ := picture.At(160, 150).RGBA(); b < 0xb000 || r > 0x2000 {
		t.Errorf("the blue page's picture has %x red, %x blue", r, b)
	}
}

func TestASceneThatIsTooLargeFailsForGood(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<!doctype html><h1>0</h1><script>
			const h = document.querySelector("h1"); let n = 0
			const next = () => { h.textContent = ++n; requestAnimationFrame(next) }
			next()</script>`)
	}))
	defer page.Close()
	h := testHandler(t)
	h.maxBytes = 20_000
	b := newBucket(t)
	task := newTask(t, b, msg.RecordParams{Scene: 3, URL: page.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 600})
	_, err := h.Handle(t.Context(), task)
	var failure *stage.Error
	if !errors.As(err, &failure) {
		t.Fatalf("the handler returned %v", err)
	}
	want := "Scene 3 moves too much to be recorded. Make its picture smaller, or its frame rate lower."
	if failure.Message != want || failure.Code != msg.CodeSceneTooLarge || !failure.Permanent {
		t.Errorf("the failure is %s, permanent %v: %q, want %q", failure.Code, failure.Permanent, failure.Message, want)
	}
	if len(b.objects) > 0 {
		t.Error("something was stored")
	}
}

func TestAMezzanineThatCannotBeWrittenIsAnError(t *testing.T) {
	srv := httptest.NewServer(page("<h1>Hello</h1>"))
	defer srv.Close()
	task := newTask(t, newBucket(t), msg.RecordParams{Scene: 1, URL: srv.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 3})
	if err := os.Mkdir(PiecePath(task.Dir, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := testHandler(t).Handle(t.Context(), task); !errors.Is(err, os.ErrExist) {
		t.Errorf("the handler returned %v, want that a folder is in the file's place", err)
	}
}
