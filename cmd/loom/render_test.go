package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dataFolder is one that Postgres's user can reach when this test is root.
func dataFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "loom-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "data")
}

// tiny writes a campaign of two local pages and a facecam, two seconds at 30 frames.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.html"), `<body style="margin:0;background:#123"><div style="width:40px;height:40px;background:#f80;
		animation:m 1s linear infinite"></div><style>@keyframes m{to{transform:translateX(200px)}}</style>`)
	write(t, filepath.Join(dir, "site", "index.html"), `<link rel="stylesheet" href="style.css"><h1>Second</h1>`)
	write(t, filepath.Join(dir, "site", "style.css"), `body { background: #eee }`)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x160:rate=30:duration=2",
		"-f", "lavfi", "-i", "sine=440:duration=2", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac",
		filepath.Join(dir, "facecam.mp4")).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg (apt-get install ffmpeg): %v: %s", err, out)
	}
	path := filepath.Join(dir, "campaign.yaml")
	write(t, path, `name: Tiny
facecam_url: facecam.mp4
output_width: 320
output_height: 180
output_fps: 30
scenes:
  - {url: a.html, duration_sec: 1}
  - {url: site/, duration_sec: 1}
`)
	return path
}

func TestLocalRenderMakesTheVideoThatTheCampaignAsksFor(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.mp4")
	// What the user allows does not shut out the campaign's own files.
	environ := map[string]string{"EGRESS_ALLOW": "intranet.example"}
	status, stdout, stderr := loom(t, environ, "render", tiny(t), "--local", "--json", "--data", dataFolder(t), "-o", out)
	if status != statusDone {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	var got outcome
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("%v in %q", err, stdout)
	}
	if got.Status != "done" || got.Frames != 60 || got.DurationSeconds != 2 || got.WallSeconds <= 0 || got.ErrorCode != nil || got.RenderID == nil {
		t.Errorf("got %s", stdout)
	}
	if *got.Video != out || *got.Thumbnail != strings.TrimSuffix(out, ".mp4")+".jpg" {
		t.Errorf("the files are %s and %s", *got.Video, *got.Thumbnail)
	}
	probe := func(path string) string {
		text, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-show_entries",
			"stream=codec_name,width,height,nb_read_frames,r_frame_rate", "-of", "csv=p=0", path).CombinedOutput()
		if err != nil {
			t.Fatalf("ffprobe: %v: %s", err, text)
		}
		return string(text)
	}
	if text := probe(*got.Video); !strings.Contains(text, "h264,320,180,30/1,60") || !strings.Contains(text, "aac") {
		t.Errorf("the video is %s", text)
	}
	if text := probe(*got.Thumbnail); !strings.Contains(text, "mjpeg,320,180") {
		t.Errorf("the thumbnail is %s", text)
	}
	// Plain lines, as stderr is no terminal here: in the pipeline's order.
	last := -1
	for _, word := range []string{"queued", "recording", "normalizing", "done"} {
		if i := strings.Index(stderr, word); i <= last {
			t.Errorf("%s is missing or out of order in\n%s", word, stderr)
		} else {
			last = i
		}
	}
}

func TestFailedRenderIsToldByCodeAndStatus(t *testing.T) {
	data := dataFolder(t)
	file := filepath.Join(t.TempDir(), "c.yaml")
	// Nobody listens there any more.
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, file, "output_width: 320\noutput_height: 180\nscenes: [{url: 'http://"+listener.Addr().String()+"/', duration_sec: 1}]")
	out := filepath.Join(t.TempDir(), "out.mp4")
	status, stdout, stderr := loom(t, map[string]string{"WORKER_MAX_RETRIES": "0"}, "render", file, "--local", "--json", "--data", data, "-o", out)
	var got outcome
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %q; %s", err, stdout, stderr)
	}
	if status != statusFailed || got.Status != "failed" || got.RenderID == nil || got.ErrorCode == nil || *got.ErrorCode != "scene_unreachable" ||
		got.ErrorMessage == nil || got.Video != nil {
		t.Errorf("status %d: %s", status, stdout)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a video")
	}
}
