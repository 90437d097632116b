package recorder

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// holdings is what this process has at one time.
type holdings struct {
	goroutines, files int
	rss               int64 // in kB
}

func holds(t *testing.T) holdings {
	t.Helper()
	debug.FreeOSMemory()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	h := holdings{goroutines: runtime.NumGoroutine(), files: len(files)}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			h.rss, err = strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		}
	}
	if err != nil || h.rss == 0 {
		t.Fatalf("how much memory is held cannot be read: %v", err)
	}
	return h
}

// PulseAudio's client makes a folder in /tmp unless it is told where to.
func TestAPageWithSoundLeavesNoFolderOfPulseAudios(t *testing.T) {
	folders := func() int {
		list, err := filepath.Glob("/tmp/pulse-*")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	srv := httptest.NewServer(script(`new AudioContext().createOscillator().start()`))
	defer srv.Close()
	before := folders()
	task := newTask(t, newBucket(t), msg.RecordParams{Scene: 1, URL: srv.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30})
	if _, err := testHandler(t).Handle(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if after := folders(); after > before {
		t.Errorf("%d folders are left", after-before)
	}
}

// A recorder keeps nothing of the scenes that it has recorded, of those neither that failed. With
// -v it prints what it holds after each scene; LOOM_LONG=1 makes it a hundred scenes.
func TestScenesInARowLeaveNothingBehind(t *testing.T) {
	scenes := 10
	if long {
		scenes = 100
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // a kept connection would count
		map[string]http.HandlerFunc{
			"/good": page(moving), "/missing": http.NotFound,
			"/crash":  script(`setTimeout(() => { "a".repeat(2 ** 27 + 4096).split("") }, 100)`),
			"/hang":   page(`<script>for (;;);</script>`),
			"/memory": script(`const a = []; setInterval(() => a.push(new Uint8Array(1e8).fill(7)), 5)`),
			"/popups": script(`setInterval(() => window.open("/hang"), 20)`),
		}[r.URL.Path](w, r)
	}))
	defer srv.Close()
	row := []struct {
		path string
		code msg.Code
	}{
		{"/good", ""}, {"/missing", msg.CodeSceneStatus}, {"/popups", ""}, {"/crash", msg.CodeSceneCrashed},
		{"/hang", msg.CodeSceneTimeout}, {"/memory", msg.CodeSceneMemory},
	}
	h := testHandler(t)
	b := newBucket(t)
	work := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())

	var table strings.Builder
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer func() {
		_ = columns.Flush()
		t.Logf("what the recorder holds:\n%s", table.String())
	}()
	tell := func(values ...string) { _, _ = columns.Write([]byte(strings.Join(values, "\t") + "\t\n")) }
	tell("scene", "page", "MB", "goroutines", "files")

	var first holdings
	for n := range scenes {
		test := row[n%len(row)]
		h.bounds, h.memory = patient, roomy
		switch test.code {
		case msg.CodeSceneTimeout:
			h.bounds = hasty
		case msg.CodeSceneMemory:
			h.memory = tight
		}
		task := newTask(t, b, msg.RecordParams{
			Scene: n + 1, URL: srv.URL + test.path, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30,
		})
		task.Dir = filepath.Join(work, strconv.Itoa(n))
		if err := os.Mkdir(task.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := h.Handle(t.Context(), task)
		var failure *stage.Error
		if errors.As(err, &failure) && failure.Code != test.code || (err == nil) != (test.code == "") {
			t.Errorf("scene %d, %s, ended with %v", n+1, test.path, err)
		}
		noneLeft(t, task.Dir)
		if pids := running(t, work); len(pids) > 0 {
			t.Errorf("scene %d left processes %v", n+1, pids)
		}
		if err := os.RemoveAll(task.Dir); err != nil { // as the stage does
			t.Fatal(err)
		}
		clear(b.objects)

		now := settled(t, first)
		tell(strconv.Itoa(n+1), test.path, strconv.FormatFloat(float64(now.rss)/1024, 'f', 1, 64), strconv.Itoa(now.goroutines), strconv.Itoa(now.files))
		if n == 3 { // by then what is made once has been made
			first = now
		}
		if n > 3 && (now.goroutines > first.goroutines || now.files > first.files) {
			t.Errorf("after scene %d there are %d goroutines and %d files, %d and %d after the fourth",
				n+1, now.goroutines, now.files, first.goroutines, first.files)
		}
		// A leaked scene of these would be a Chrome's pipes, its last picture and its index: this
		// is far below one a scene.
		if grown := now.rss - first.rss; n > 3 && grown > 24<<10 {
			t.Fatalf("after scene %d the recorder has grown by %d kB since the fourth", n+1, grown)
		}
	}
	for _, dir := range []string{work, os.TempDir()} {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left in %s: %v %v", dir, left, err)
		}
	}
}

// settled returns what is held, once it is no more than at first: connections of the servers of
// this test end in their own time. It does not wait for long.
func settled(t *testing.T, first holdings) holdings {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		now := holds(t)
		if first.files == 0 || now.goroutines <= first.goroutines && now.files <= first.files || time.Now().After(deadline) {
			return now
		}
	}
}
