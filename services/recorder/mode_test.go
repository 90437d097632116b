package recorder

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// withoutFrameControl is a program that starts the headless shell, unless it is told to draw frames
// on demand: then it ends, since a whole Chrome cannot do so either.
func withoutFrameControl(t *testing.T) string {
	t.Helper()
	shell, err := chrome.Find(os.Getenv("CHROME_PATH"))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "chrome")
	script := fmt.Sprintf(`#!/bin/sh
case " $* " in *" --enable-begin-frame-control "*) echo "no frames on demand" >&2; exit 1 ;; esac
exec %q "$@"
`, shell)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

func TestAChromeWithoutFrameControlIsUsedForScreenshots(t *testing.T) {
	cfg := testConfig(t)
	cfg.ChromePath = withoutFrameControl(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Hello</h1>")
	}))
	defer page.Close()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.Check(t.Context())
	if err != nil || found.Mode != msg.ModeVirtual || found.Path != cfg.ChromePath || !strings.Contains(found.Version, "Chrome/") {
		t.Fatalf("Check returned %+v, %v", found, err)
	}
	dir := t.TempDir()
	facts, err := r.Record(t.Context(), Job{
		Params: msg.RecordParams{Scene: 2, URL: page.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 10},
		Dir:    dir, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if facts.Frames != 10 || facts.Mode != msg.ModeVirtual || len(facts.Warnings) != 1 || facts.Warnings[0].Code != msg.CodeSceneInexact ||
		facts.Warnings[0].Scene != 2 || !strings.Contains(facts.Warnings[0].Message, "Scene 2 ") {
		t.Errorf("facts are %+v", facts)
	}
}

func TestTheRecorderSaysThatItFallsBack(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig(t)
	cfg.ChromePath = withoutFrameControl(t)
	cfg.Log = zerolog.New(&log)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener = listener
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	// It answers when Chrome has been tried.
	response, err := client.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if text := log.String(); !strings.Contains(text, `"level":"warn"`) || !strings.Contains(text, "cannot draw frames on demand") {
		t.Errorf("the log is %s", text)
	}
}

// Of a video that a script has loaded; else its sound is taken out.
func TestAVideoWithSoundIsWarnedOf(t *testing.T) {
	dir := t.TempDir()
	silent := []string{"-map", "0:v", "-c:v", "libvpx", "-deadline", "realtime", filepath.Join(dir, "silent.webm")}
	loud := []string{"-map", "0:v", "-map", "1:a", "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", filepath.Join(dir, "loud.webm")}
	args := slices.Concat([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=160x90:rate=10", "-f", "lavfi", "-i", "sine=duration=1"}, silent, loud)
	if said, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	const loads = `<video autoplay id=%[1]s></video><script>fetch("/%[1]s.webm").then(r => r.blob())
		.then(b => { document.getElementById("%[1]s").src = URL.createObjectURL(b) })</script>`
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.Handle("/script", page(fmt.Sprintf(loads, "loud")))
	mux.Handle("/silent", page(`<video autoplay src=/loud.webm></video>`+fmt.Sprintf(loads, "silent")))
	site := httptest.NewServer(mux)
	defer site.Close()
	for path, want := range map[string]int{"/script": 1, "/silent": 0} {
		facts, err := testHandler(t).Record(t.Context(), Job{
			Params: msg.RecordParams{Scene: 2, URL: site.URL + path, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30},
			Dir:    t.TempDir(), Log: zerolog.Nop(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(facts.Warnings) != want || want == 1 && (facts.Warnings[0].Code != msg.CodeSceneInexact || facts.Warnings[0].Scene != 2) {
			t.Errorf("%s: warnings are %+v, want %d", path, facts.Warnings, want)
		}
	}
}

func TestASceneInRealtimeIsLabelledSo(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Hello</h1>")
	}))
	defer page.Close()
	dir := t.TempDir()
	facts, err := testHandler(t).Record(t.Context(), Job{
		Params: msg.RecordParams{
			Scene: 3, URL: page.URL, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 10,
			Options: scene.Options{Capture: scene.CaptureRealtime},
		},
		Dir: dir, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if facts.Frames != 10 || facts.Mode != msg.ModeRealtime || len(facts.Warnings) != 1 || facts.Warnings[0].Code != msg.CodeSceneRealtime ||
		facts.Warnings[0].Scene != 3 || !strings.Contains(facts.Warnings[0].Message, "real time") {
		t.Errorf("facts are %+v", facts)
	}
}
