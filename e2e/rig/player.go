package rig

import (
	"encoding/json"
	"html/template"
	"image"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// player is a page that plays a video as any page does. It goes to each time, takes what is shown
// then, reads the colours at some points, and sends them back.
var player = template.Must(template.New("player").Parse(`<!doctype html>
<title>player</title>
<video src="/video" muted preload="auto"></video>
<script>
  const video = document.querySelector('video')
  const canvas = document.createElement('canvas')
  const pixels = canvas.getContext('2d')
  const event = name => new Promise(done => video.addEventListener(name, done, {once: true}))
  const shown = () => new Promise(done => video.requestVideoFrameCallback(done))
  async function look(times, points) {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) await event('loadeddata')
    canvas.width = video.videoWidth
    canvas.height = video.videoHeight
    const frames = []
    for (const time of times) {
      const there = Promise.all([event('seeked'), shown()])
      video.currentTime = time
      await there
      pixels.drawImage(video, 0, 0)
      frames.push(points.map(([x, y]) => [...pixels.getImageData(x, y, 1, 1).data.slice(0, 3)]))
    }
    return {width: canvas.width, height: canvas.height, frames}
  }
  const failed = new Promise((_, fail) => video.addEventListener('error', () => fail(video.error.message)))
  Promise.race([failed, look({{.Times}}, {{.Points}})]).catch(e => ({error: String(e)})).then(
    found => fetch('/found', {method: 'POST', body: JSON.stringify(found)}))
</script>
`))

// Shown is what Chrome shows of a video: the size, and for each time the colours at each of the
// points.
type Shown struct {
	Width, Height int
	Frames        [][][3]int
	Error         string
}

// Show plays a video in Chrome, and returns what its viewers see at some times, in seconds, at some
// points. No two times that follow each other may be of the same frame.
func Show(t testing.TB, path string, times []float64, points []image.Point) Shown {
	t.Helper()
	at := make([][2]int, len(points))
	for i, p := range points {
		at[i] = [2]int{p.X, p.Y}
	}
	found := make(chan Shown, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /video", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/mp4")
		http.ServeFile(w, r, path)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = player.Execute(w, map[string]any{"Times": times, "Points": at})
	})
	mux.HandleFunc("POST /found", func(_ http.ResponseWriter, r *http.Request) {
		var s Shown
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			s.Error = err.Error()
		}
		found <- s
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer server.CloseClientConnections()
	browser := browse(t, server.URL)
	defer browser.end(t)
	select {
	case s := <-found:
		if s.Error != "" || len(s.Frames) != len(times) {
			t.Fatalf("Chrome showed %d of %d frames: %s", len(s.Frames), len(times), s.Error)
		}
		return s
	case <-browser.Done():
		t.Fatalf("Chrome has ended:\n%s", tail(browser.Log(), logLines))
	case <-time.After(Patience):
		t.Fatalf("Chrome does not show the video:\n%s", tail(browser.Log(), logLines))
	}
	return Shown{}
}

// browser is a Chrome that shows a page as on a screen.
type browser struct {
	*Process
	dir string
}

func browse(t testing.TB, url string) *browser {
	t.Helper()
	// As the recorder does, whose environment here does not name one.
	bin, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		bin, err = exec.LookPath("chrome-headless-shell")
	}
	if err != nil {
		t.Fatalf("find Chrome (make setup installs it): %v", err)
	}
	dir, err := postgresd.Folder("loom-e2e-browser-")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--headless", "--remote-debugging-port=0", "--user-data-dir=" + dir, "--no-first-run", "--disable-background-networking",
		"--disable-breakpad", "--force-color-profile=srgb", "--force-device-scale-factor=1", "--mute-audio", "--disable-dev-shm-usage",
	}
	// Colours are converted as on a graphics card, which SwiftShader emulates. Without one, Chrome
	// uses an approximation whose factor for blue is too small for BT.709: pure blue, decoded from
	// any video, is 243 of 255.
	args = append(args, "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	p, err := spawn("browser", dir, env, bin, append(args, url)...)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{Process: p, dir: dir}
}

// end kills Chrome and waits until all of its processes have ended.
func (b *browser) end(t testing.TB) {
	t.Helper()
	b.killed = true
	if err := b.End(Patience); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		t.Errorf("clear up: %v", err)
	}
}
