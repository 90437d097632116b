package measure

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// peerPatience is how long Node.js may take to end its browser when it is told to end.
const peerPatience = 5 * time.Second

// peer is puppeteer-capture, as capture.mjs runs it.
type peer struct {
	job Job
	// chrome is a path with the name that puppeteer-capture requires.
	chrome, ffmpeg, node string
	path                 string
}

func newPeer(job Job, dir string, environ map[string]string) (peer, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return peer{}, fmt.Errorf("find Node.js: %w", err)
	}
	if _, err := os.Stat(filepath.Join(job.Peers, "node_modules", "puppeteer-capture")); err != nil {
		return peer{}, fmt.Errorf("puppeteer-capture is not installed: run %s", filepath.Join(job.Peers, "setup.sh"))
	}
	shell, err := chrome.Find(environ["CHROME_PATH"])
	if err != nil {
		return peer{}, err
	}
	if shell, err = filepath.Abs(shell); err != nil {
		return peer{}, fmt.Errorf("find Chrome: %w", err)
	}
	name := environ["FFMPEG_PATH"]
	if name == "" {
		name = "ffmpeg"
	}
	ffmpeg, err := exec.LookPath(name)
	if err != nil {
		return peer{}, fmt.Errorf("find FFmpeg: %w", err)
	}
	link := filepath.Join(dir, "chrome-headless-shell")
	if err := os.Symlink(shell, link); err != nil {
		return peer{}, fmt.Errorf("name Chrome as puppeteer-capture wants it: %w", err)
	}
	return peer{job: job, chrome: link, ffmpeg: ffmpeg, node: node, path: environ["PATH"]}, nil
}

func (p peer) scene(ctx context.Context, dir string, m marks) (output, error) {
	cmd := exec.Command(p.node, "capture.mjs",
		p.job.Page, strconv.Itoa(p.job.Frames), strconv.Itoa(p.job.FPS), filepath.Join(dir, "video.mp4"))
	cmd.Dir = p.job.Peers
	cmd.Env = []string{
		"PATH=" + p.path, "HOME=" + dir, "TMPDIR=" + dir, "BENCH_CHROME=" + p.chrome, "BENCH_FFMPEG=" + p.ffmpeg,
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	var made output
	var readErr error
	// On SIGTERM it ends its browser. Orphans of both are killed later.
	_, err := child.Run(ctx, cmd, child.Options{Grace: peerPatience}, func(stdout io.Reader) error {
		made, readErr = readEvents(stdout, m)
		_, err := io.Copy(io.Discard, stdout)
		return err
	})
	if err != nil {
		return output{}, fmt.Errorf("run %s: %w; it said: %s", Peer, err, bytes.TrimSpace(said.Bytes()))
	}
	return made, readErr
}

// event is one of the lines that capture.mjs prints.
type event struct {
	Event    string `json:"event"`
	Frames   int    `json:"frames"`
	Distinct int    `json:"distinct"`
	Bytes    int64  `json:"bytes"`
}

// readEvents reads the events of capture.mjs as they come, and returns the scene of the last one.
func readEvents(r io.Reader, m marks) (output, error) {
	var made output
	var first, finished, done bool
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return output{}, fmt.Errorf("read what %s says: %w", Peer, err)
		}
		switch e.Event {
		case "first":
			m.first()
			first = true
		case "finished":
			m.finished()
			finished = true
		case "done":
			made, done = output{frames: e.Frames, distinct: e.Distinct, bytes: e.Bytes}, true
		}
	}
	if err := lines.Err(); err != nil {
		return output{}, fmt.Errorf("read what %s says: %w", Peer, err)
	}
	if !first || !finished || !done || made.frames < 2 {
		return output{}, errors.New("the peer did not say that it captured the scene")
	}
	return made, nil
}
