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

// As in the demo: files on disk, one command, a video. A second command on the same data says what
// is wrong with its campaign.
func TestLoomRenderNeedsNoServers(t *testing.T) {
	t.Parallel()
	dir := cliFolder(t)
	t.Run("it makes a video of local files", func(t *testing.T) { rendersLocalFiles(t, dir) })
	t.Run("it tells what is wrong", func(t *testing.T) { tellsWhatIsWrong(t, dir) })
}

const yaml = `name: pages and a facecam of one's own
facecam_url: me.mp4
output_width: 320
output_height: 180
output_fps: 10
scenes:
  - url: navy.html
    duration_sec: 1
  - url: site/
    duration_sec: 1
    options: {capture: realtime}
`

func rendersLocalFiles(t *testing.T, dir string) {
	// The second page is green if its style sheet is read, and white otherwise.
	var navy, green bytes.Buffer
	if err := errors.Join(rig.WritePage(&navy, "navy", fps), rig.WritePage(&green, "white", fps)); err != nil {
		t.Fatal(err)
	}
	green.WriteString(`<link rel="stylesheet" href="style.css">`)
	if err := os.Mkdir(filepath.Join(dir, "site"), 0o755); err != nil {
		t.Fatal(err)
	}
	facecam, err := os.ReadFile(rig.FacecamFile(t, "talking.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"navy.html": navy.Bytes(), "site/index.html": green.Bytes(), "site/style.css": []byte("html, body { background: green !important }"),
		"me.mp4": facecam, "campaign.yaml": []byte(yaml),
	} {
		write(t, filepath.Join(dir, name), text)
	}

	code, got, said := loomRender(t, dir, nil, "campaign.yaml", "-o", "out.mp4")
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
	// Plain lines, as stderr is no terminal here: in the pipeline's order. A stage that is over
	// before the command looks again is not shown; the scene in real time takes longer than that.
	last := -1
	for _, word := range []string{"queued", "recording", "done"} {
		if i := strings.Index(said, word); i <= last {
			t.Errorf("%s is missing or out of order in\n%s", word, said)
		} else {
			last = i
		}
	}
	video, thumbnail := filepath.Join(dir, "out.mp4"), filepath.Join(dir, "out.jpg")
	sameFile(t, dir, got.Video, video)
	sameFile(t, dir, got.Thumbnail, thumbnail)
	c := rig.Campaign{
		Facecam: "me.mp4", Width: width, Height: height, FPS: fps,
		Scenes: []rig.Scene{{URL: "navy.html", Seconds: 1}, {URL: "site/", Seconds: 1, Realtime: true}},
	}
	rig.CheckVideo(t, video, c, true)
	rig.CheckThumbnail(t, thumbnail, c)
	checkFrames(t, video, c)
}

func tellsWhatIsWrong(t *testing.T, dir string) {
	write(t, filepath.Join(dir, "wrong.yaml"), []byte(`name: no such host
output_width: 320
output_height: 180
output_fps: 10
scenes:
  - url: http://nowhere.invalid/
    duration_sec: 1
`))
	code, got, _ := loomRender(t, dir, []string{"WORKER_MAX_RETRIES=0"}, "wrong.yaml", "-o", "wrong.mp4")
	if code != 1 || got.Status != "failed" || got.ErrorCode != string(msg.CodeSceneUnresolved) || got.Video != "" ||
		!strings.Contains(strings.ToLower(got.ErrorMessage), "scene 1") {
		t.Errorf("exit status %d, %+v", code, got)
	}
	if _, err := uuid.Parse(got.RenderID); err != nil {
		t.Errorf("render_id %q: %v", got.RenderID, err)
	}
	if got.Warnings == nil || len(got.Warnings) > 0 {
		t.Errorf("warnings are %#v, want an empty list", got.Warnings)
	}
	if _, err := os.Stat(filepath.Join(dir, "wrong.mp4")); !errors.Is(err, os.ErrNotExist) {
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

// loomRender runs loom render --local --json in dir, with these settings beyond the defaults, and
// returns its exit status, its only line on stdout, and what it said on stderr. As in the demo, the
// data lie in the default folder.
func loomRender(t *testing.T, dir string, settings []string, campaign string, args ...string) (int, last, string) {
	t.Helper()
	args = append([]string{"render", campaign, "--local", "--json"}, args...)
	cmd := exec.CommandContext(t.Context(), rig.Program(t, "loom"), args...)
	cmd.Dir = dir
	// What the user allows does not shut out the campaign's own files.
	cmd.Env = append(append(os.Environ(), "EGRESS_ALLOW=intranet.example"), settings...)
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
	if n := strings.Count(stdout.String(), "\n"); n != 1 {
		t.Errorf("%d lines on stdout, not one", n)
	}
	var l last
	decoder := json.NewDecoder(strings.NewReader(stdout.String()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		t.Fatalf("stdout is no JSON of the promised form: %v", err)
	}
	return cmd.ProcessState.ExitCode(), l, stderr.String()
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
