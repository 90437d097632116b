package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// last is the line that loom render --json ends with.
type last struct {
	RenderID     string        `json:"render_id"`
	Status       string        `json:"status"`
	Video        string        `json:"video"`
	Thumbnail    string        `json:"thumbnail"`
	Frames       int           `json:"frames"`
	DurationS    float64       `json:"duration_s"`
	WallS        float64       `json:"wall_s"`
	ErrorCode    string        `json:"error_code"`
	ErrorMessage string        `json:"error_message"`
	Warnings     []msg.Warning `json:"warnings"`
}

const yaml = `name: pages and a facecam of one's own
facecam_url: me.mp4
output_width: 320
output_height: 180
output_fps: 10
scenes:
  - url: navy.html
    duration_sec: 1
  - url: green.html
    duration_sec: 1
    options: {capture: realtime}
`

// As in the demo: files on disk, one command, a video.
func TestLoomRenderMakesAVideoOfLocalFiles(t *testing.T) {
	t.Parallel()
	dir := cliFolder(t)
	for _, color := range []string{"navy", "green"} {
		var page bytes.Buffer
		if err := rig.WritePage(&page, color, fps); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, color+".html"), page.Bytes())
	}
	facecam, err := os.ReadFile(rig.FacecamFile(t, "talking.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "me.mp4"), facecam)
	write(t, filepath.Join(dir, "campaign.yaml"), []byte(yaml))

	code, got := loomRender(t, dir, "-o", "out.mp4")
	if code != 0 || got.Status != "done" || got.ErrorCode != "" || got.ErrorMessage != "" {
		t.Fatalf("exit status %d, %+v", code, got)
	}
	// The recorder's warning reaches the user through the task's facts and the database.
	if w := got.Warnings; len(w) != 1 || w[0].Code != msg.CodeSceneRealtime || w[0].Scene != 2 ||
		!strings.Contains(w[0].Message, "real time") {
		t.Errorf("warnings are %+v, want one of scene 2, which is recorded in real time", w)
	}
	if _, err := uuid.Parse(got.RenderID); err != nil {
		t.Errorf("render_id %q: %v", got.RenderID, err)
	}
	if got.Frames != 20 || got.DurationS != 2 || got.WallS <= 0 {
		t.Errorf("%d frames, %v s, wall time %v s", got.Frames, got.DurationS, got.WallS)
	}
	video, thumbnail := filepath.Join(dir, "out.mp4"), filepath.Join(dir, "out.jpg")
	sameFile(t, dir, got.Video, video)
	sameFile(t, dir, got.Thumbnail, thumbnail)
	c := rig.Campaign{
		Facecam: "me.mp4", Width: width, Height: height, FPS: fps,
		Scenes: []rig.Scene{{URL: "navy.html", Seconds: 1}, {URL: "green.html", Seconds: 1, Realtime: true}},
	}
	rig.CheckVideo(t, video, c, true)
	rig.CheckThumbnail(t, thumbnail, c)
	checkFrames(t, video, c)
}

func TestLoomRenderTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := cliFolder(t)
	write(t, filepath.Join(dir, "campaign.yaml"), []byte(`name: no such host
output_width: 320
output_height: 180
output_fps: 10
scenes:
  - url: http://nowhere.invalid/
    duration_sec: 1
`))
	code, got := loomRender(t, dir, "-o", "out.mp4")
	if code == 0 || got.Status != "failed" || got.ErrorCode != string(msg.CodeSceneUnresolved) ||
		!strings.Contains(strings.ToLower(got.ErrorMessage), "scene 1") {
		t.Errorf("exit status %d, %+v", code, got)
	}
	if got.Warnings == nil || len(got.Warnings) > 0 {
		t.Errorf("warnings are %#v, want an empty list", got.Warnings)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.mp4")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a video: %v", err)
	}
}

// cliFolder makes a folder that Postgres, as a user of its own, can reach.
func cliFolder(t *testing.T) string {
	t.Helper()
	dir, err := postgresd.Folder("loom-e2e-cli-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// loomRender runs loom render --local --json in dir and returns its exit status and its last line.
func loomRender(t *testing.T, dir string, args ...string) (int, last) {
	t.Helper()
	args = append([]string{"render", "campaign.yaml", "--local", "--json"}, args...)
	cmd := exec.CommandContext(t.Context(), rig.Program(t, "loom"), args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("loom %s: %v\n%s\n%s", strings.Join(args, " "), err, &stdout, &stderr)
		}
	})
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	var l last
	decoder := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		t.Fatalf("the last line of stdout is no JSON of the promised form: %v", err)
	}
	return cmd.ProcessState.ExitCode(), l
}

func sameFile(t *testing.T, dir, got, want string) {
	t.Helper()
	if !filepath.IsAbs(got) {
		got = filepath.Join(dir, got)
	}
	if got != want {
		t.Errorf("it names %s, not %s", got, want)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
