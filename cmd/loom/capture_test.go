package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// measured is what ffprobe counts: codec, width, height, rate, frames.
func measured(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-show_entries",
		"stream=codec_name,width,height,r_frame_rate,nb_read_frames", "-of", "csv=p=0", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe (apt-get install ffmpeg): %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// only fails when a folder holds other files than these.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if strings.Join(found, " ") != strings.Join(names, " ") {
		t.Errorf("the folder holds %v, want %v", found, names)
	}
}

func website(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func TestCaptureMakesAVideoOfALocalPage(t *testing.T) {
	site, out, work := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(site, "page.html"), `<!doctype html><link rel=stylesheet href=style.css><b id=n></b>
		<script>let n = 0; requestAnimationFrame(function f() { document.getElementById("n").style.width = ++n + "px"; requestAnimationFrame(f) })</script>`)
	write(t, filepath.Join(site, "style.css"), `b { display: block; height: 90px; background: #f80 }`)
	video := filepath.Join(out, "video.mp4")
	write(t, video, "what was there before")
	// What the user allows does not shut out the page's own folder. What is wrong in a server's
	// settings does not matter.
	environ := map[string]string{"EGRESS_ALLOW": "intranet.example", "WORK_DIR": work, "PORT": "tcp://10.0.0.1:80", "LOG_LEVEL": "DEBUG"}
	status, stdout, stderr := loom(t, environ, "capture", filepath.Join(site, "page.html"), "-o", video,
		"--duration", "1s", "--size", "320x180", "--fps", "30", "--json")
	if status != statusDone || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	var got captured
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	info, err := os.Stat(video)
	if err != nil {
		t.Fatal(err)
	}
	if got.Frames != 30 || got.Distinct != 30 || got.Width != 320 || got.Height != 180 || got.FPS != 30 || got.Mode != msg.ModeExact ||
		got.WallSeconds <= 0 || got.CPUSeconds <= 0 || got.Bytes != info.Size() || got.Output == nil || *got.Output != video ||
		got.Thumbnail == nil || *got.Thumbnail != filepath.Join(out, "video.jpg") ||
		len(got.Warnings) != 0 || got.ErrorCode != nil || got.ErrorMessage != nil {
		t.Errorf("got %s", stdout)
	}
	if text := measured(t, video); text != "h264,320,180,30/1,30" {
		t.Errorf("the video is %s", text)
	}
	for _, word := range []string{"recording", "normalizing", "100 %"} {
		if !strings.Contains(stderr, word) {
			t.Errorf("%s is missing in\n%s", word, stderr)
		}
	}
	if text := measured(t, filepath.Join(out, "video.jpg")); !strings.HasPrefix(text, "mjpeg,320,180,") {
		t.Errorf("the thumbnail is %s", text)
	}
	only(t, out, "video.jpg", "video.mp4")
	only(t, work)
}

// A viewport of another shape is brought to the video's size; what the mode is, is told.
func TestCaptureDoesWhatTheOptionsFileAsks(t *testing.T) {
	url := website(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><h1>Still</h1>")
	})
	dir := t.TempDir()
	options, video := filepath.Join(dir, "options.yaml"), filepath.Join(dir, "video.mp4")
	write(t, options, "capture: realtime\nviewport: {width: 200, height: 300}\n")
	status, stdout, stderr := loom(t, nil, "capture", url, "-o", video, "--duration", "500ms", "--size", "320x180", "--options", options)
	if status != statusDone {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	if text := measured(t, video); text != "h264,320,180,60/1,30" {
		t.Errorf("the video is %s", text)
	}
	for _, want := range []string{video, "320×180", "30 frames", "mode realtime", "1 distinct", "s wall", "s CPU"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in %q", want, stdout)
		}
	}
	if !strings.Contains(stderr, "warning: Scene 1 was recorded in real time") || !strings.Contains(stderr, string(msg.CodeSceneRealtime)) {
		t.Errorf("there is no warning in %q", stderr)
	}
	if n := strings.Count(stdout, "\n"); n != 2 {
		t.Errorf("%d lines on stdout, want 2", n)
	}
}

func TestAFailedCaptureTellsWhyAndLeavesTheOldVideo(t *testing.T) {
	url := website(t, http.NotFound) + "/page?key=secret"
	out := t.TempDir()
	video := filepath.Join(out, "video.mp4")
	write(t, video, "what was there before")
	status, stdout, stderr := loom(t, nil, "capture", url, "-o", video, "--duration", "1s", "--size", "320x180", "--json")
	var got captured
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	if status != statusFailed || got.ErrorCode == nil || *got.ErrorCode != string(msg.CodeSceneStatus) || got.ErrorMessage == nil ||
		!strings.Contains(*got.ErrorMessage, "answered 404 Not Found") || got.Output != nil || got.Frames != 0 {
		t.Errorf("status %d: %s", status, stdout)
	}
	if !strings.Contains(stderr, "answered 404 Not Found") || !strings.Contains(stderr, string(msg.CodeSceneStatus)) || strings.Contains(stderr, "secret") {
		t.Errorf("it says %q", stderr)
	}
	if text, err := os.ReadFile(video); err != nil || string(text) != "what was there before" {
		t.Errorf("the old video is %q, %v", text, err)
	}
	if want := filepath.Join(out, "video.failure.zip"); got.Bundle == nil || *got.Bundle != want || !strings.Contains(stderr, want) {
		t.Errorf("the failure bundle is %v, want %s: %q", got.Bundle, want, stderr)
	}
	only(t, out, "video.failure.zip", "video.mp4")
}

func TestAnInterruptedCaptureLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := website(t, func(http.ResponseWriter, *http.Request) { cancel() })
	out, work := t.TempDir(), t.TempDir()
	var stdout, stderr bytes.Buffer
	a := &app{environ: map[string]string{"WORK_DIR": work}, stdout: &stdout, stderr: &stderr}
	if status := a.run(ctx, []string{"capture", url, "-o", filepath.Join(out, "video.mp4"), "--size", "320x180"}); status != statusInterrupted {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	only(t, out)
	only(t, work)
}

func TestWhatCaptureCannotDoIsTheUsersFault(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "video.mp4")
	write(t, filepath.Join(dir, "bad.yaml"), "# asked of the scene\ncolor_scheme: dark\nscroll:\n  to: end\n  easing: wild\n")
	write(t, filepath.Join(dir, "bad.json"), "{\n  \"hide\": [\" \"]\n}\n")
	write(t, filepath.Join(dir, "late.yaml"), "actions:\n  - {at: 9, do: wait, seconds: 1}\n")
	const page = "https://example.com/"
	for name, c := range map[string]struct {
		args    []string
		environ map[string]string
		want    []string
	}{
		"another scheme":       {[]string{"ftp://example.com/"}, nil, []string{"ftp:", "http or https"}},
		"no such file":         {[]string{filepath.Join(dir, "none.html")}, nil, []string{"there is no file", "none.html"}},
		"a folder, no page":    {[]string{dir}, nil, []string{"there is no file"}},
		"a password":           {[]string{"https://user:hunter2@example.com/"}, nil, []string{"password", "leave it out"}},
		"no page":              {nil, nil, []string{"<url>"}},
		"options":              {[]string{page, "--options", dir + "/bad.yaml"}, nil, []string{"bad.yaml:5: scroll.easing", "ease-in-out"}},
		"options in JSON":      {[]string{page, "--options", dir + "/bad.json"}, nil, []string{"bad.json:2: hide[0]"}},
		"options after it":     {[]string{page, "--options", dir + "/late.yaml"}, nil, []string{"late.yaml:2: actions[0].at", "5 seconds"}},
		"no options":           {[]string{page, "--options", dir + "/none.yaml"}, nil, []string{"none.yaml"}},
		"size":                 {[]string{page, "--size", "big"}, nil, []string{"--size", "1920x1080"}},
		"odd size":             {[]string{page, "--size", "321x180"}, nil, []string{"--size", "even"}},
		"tiny size":            {[]string{page, "--size", "8x8"}, nil, []string{"--size", "16x16", "3840x2160"}},
		"huge size":            {[]string{page, "--size", "9000x16"}, nil, []string{"--size", "3840x2160"}},
		"rate":                 {[]string{page, "--fps", "fast"}, nil, []string{"--fps", "1 to 120"}},
		"rate of none":         {[]string{page, "--fps", "0"}, nil, []string{"--fps", "1 to 120"}},
		"rate too high":        {[]string{page, "--fps", "121"}, nil, []string{"--fps", "1 to 120"}},
		"duration":             {[]string{page, "--duration", "5"}, nil, []string{"--duration", "5s"}},
		"no duration":          {[]string{page, "--duration", "0s"}, nil, []string{"--duration", "5s"}},
		"less than no time":    {[]string{page, "--duration=-1s"}, nil, []string{"--duration", "5s"}},
		"less than a frame":    {[]string{page, "--duration", "100ms", "--fps", "1"}, nil, []string{"no frame", "--duration"}},
		"no such folder":       {[]string{page, "-o", dir + "/none/video.mp4"}, nil, []string{"nothing can be written"}},
		"a thumbnail's name":   {[]string{page, "-o", dir + "/video.jpg"}, nil, []string{"where the thumbnail goes"}},
		"no file":              {[]string{page, "-o", dir}, nil, []string{"is not a file"}},
		"a setting":            {[]string{page}, map[string]string{"CHROME_SANDBOX": "maybe"}, []string{"CHROME_SANDBOX", "on or off"}},
		"another setting":      {[]string{page}, map[string]string{"RECORDER_PINNING": "on"}, []string{"RECORDER_PINNING", "auto or off"}},
		"a third setting":      {[]string{page}, map[string]string{"RECORDER_HUGE_PAGES": "always"}, []string{"RECORDER_HUGE_PAGES", "auto or off"}},
		"what may be reached":  {[]string{page}, map[string]string{"EGRESS_ALLOW": "http://user:hunter2@host/"}, []string{"EGRESS_ALLOW", "CIDR"}},
		"a Chrome that is not": {[]string{page}, map[string]string{"CHROME_PATH": "/no/such/chrome"}, []string{"CHROME_PATH", "apt install"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"capture", "-o", video}, c.args...)
			status, stdout, stderr := loom(t, c.environ, args...)
			if status != statusUsage || stdout != "" || !strings.Contains(stderr, "loom: ") {
				t.Errorf("status %d, %q, %q", status, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is not in %q", want, stderr)
				}
			}
			if strings.Contains(stderr, "hunter2") {
				t.Errorf("a secret is in %q", stderr)
			}
		})
	}
	if status, _, stderr := loom(t, nil, "capture", page); status != statusUsage || !strings.Contains(stderr, "--out") {
		t.Errorf("without an output: status %d, %q", status, stderr)
	}
	only(t, dir, "bad.json", "bad.yaml", "late.yaml")
}

func TestWhatIsWrongIsInTheJSONToo(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.yaml"), "scroll: up\n")
	for _, c := range []struct {
		args []string
		code string
	}{
		{[]string{"https://example.com/", "--options", filepath.Join(dir, "bad.yaml")}, codeOptionsFile},
		{[]string{"ftp://example.com/"}, codeCommand},
	} {
		status, stdout, _ := loom(t, nil, append([]string{"capture", "--json", "-o", filepath.Join(dir, "video.mp4")}, c.args...)...)
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || strings.Count(stdout, "\n") != 1 {
			t.Fatalf("%v in %q", err, stdout)
		}
		for _, field := range []string{"frames", "distinct", "width", "height", "fps", "mode", "wall_seconds", "cpu_seconds", "bytes", "output", "thumbnail", "warnings", "error_code", "error_message", "failure_bundle"} {
			if _, there := got[field]; !there {
				t.Errorf("%s is missing from %s", field, stdout)
			}
		}
		if status != statusUsage || len(got) != 15 || got["error_code"] != c.code || got["output"] != nil || got["error_message"] == "" {
			t.Errorf("status %d: %s", status, stdout)
		}
	}
}
