package capture_test

import (
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// videoSite serves a page, and a video by every method that servers use. It returns its URL and
// that of another origin.
func videoSite(t *testing.T, video, page string) (url, other string) {
	t.Helper()
	handlers := map[string]http.HandlerFunc{
		"/media":    file(video),
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/media", http.StatusFound) },
		"/shared": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			file(video)(w, r)
		},
		"/whole": func(w http.ResponseWriter, _ *http.Request) { // knows no ranges
			content, _ := os.ReadFile(video)
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = w.Write(content)
		},
	}
	other = site(t, handlers)
	handlers = maps.Clone(handlers)
	handlers["/"] = html(mediaStyle + strings.ReplaceAll(page, "OTHER", other))
	return site(t, handlers), other
}

// A video's sound is taken out however the video is served.
func TestMovingVideoWithSoundHoweverItIsServed(t *testing.T) {
	const name = "vp8-opus.webm"
	for test, page := range map[string]string{
		"whole":        `<video autoplay src=/whole></video>`,
		"elsewhere":    `<video autoplay src=/redirect></video>`,
		"other origin": `<video autoplay src=OTHER/media></video>`,
		"with leave":   `<video autoplay crossorigin src=OTHER/shared></video>`,
		"in a frame": `<style>iframe{position:absolute;top:0;left:0;border:0}</style>
			<iframe width=320 height=100 srcdoc="<style>body{margin:0}</style><video autoplay src=/media></video>"></iframe>`,
		"by a script": `<div></div><script>const v = document.createElement("video"); v.src = "/media"; v.autoplay = true;
			document.querySelector("div").attachShadow({mode: "open"}).append(v)</script>`,
	} {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			url, _ := videoSite(t, media(t, name, 30, 60, sounding[name]...), page)
			path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
			checkBeat(t, numbers(decode(t, path, msg.FPS(60), movingFrames)), 2, lateVideo)
		})
	}
}

// Only a part of a large video is held; the rest is served unchanged.
func TestMovingVideoWithSoundThatIsLarge(t *testing.T) {
	for name, flags := range map[string]string{"begin.mp4": "+faststart", "end.mp4": "0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			video := media(t, name, 30, 1800, "-f", "lavfi", "-i", "anoisesrc=sample_rate=48000", "-shortest", "-c:v", "libx264", "-preset", "ultrafast",
				"-pix_fmt", "yuv420p", "-c:a", "flac", "-strict", "-2", "-ac", "2", "-movflags", flags)
			if info, err := os.Stat(video); err != nil || info.Size() < 6<<20 {
				t.Fatalf("the video is too small: %v, %v", info, err)
			}
			checkBeat(t, showing(t, video, `<video autoplay src=/media></video>`, movingFrames), 2, lateVideo)
		})
	}
}

// painted captures a page and returns the number that it shows in the end.
func painted(t *testing.T, url string) int {
	t.Helper()
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	return decode(t, path, msg.FPS(60), movingFrames)[movingFrames-1].number()
}

// A page may do the same with another origin's video as without the recorder.
func TestAVideosOriginStaysItsOwn(t *testing.T) {
	const name = "vp8-opus.webm"
	const read = `<script>const v = document.querySelector("video"), c = document.createElement("canvas").getContext("2d");
		v.onerror = () => paint(1);
		v.onplaying = () => { c.drawImage(v, 0, 0); try { c.getImageData(0, 0, 1, 1); paint(2) } catch { paint(3) } }</script>`
	for _, test := range []struct {
		page string
		want int
	}{
		{`<video autoplay crossorigin src=OTHER/media hidden></video>`, 1}, // it is not shared
		{`<video autoplay crossorigin src=OTHER/shared hidden></video>`, 2},
		{`<video autoplay src=OTHER/media hidden></video>`, 3},
	} {
		t.Run(test.page, func(t *testing.T) {
			t.Parallel()
			url, _ := videoSite(t, media(t, name, 30, 60, sounding[name]...), barcode+test.page+read)
			if got := painted(t, url); got != test.want {
				t.Errorf("it did %d, want %d (1: refuse it, 2: read it, 3: show it, but not read it)", got, test.want)
			}
		})
	}
}

// A file without pictures keeps its sound.
func TestSoundWithoutPicturesPlays(t *testing.T) {
	for _, name := range []string{"sound.m4a", "sound.webm", "sound.mp3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sound := filepath.Join(t.TempDir(), name)
			if said, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=5", sound).CombinedOutput(); err != nil {
				t.Fatalf("ffmpeg: %v: %s", err, said)
			}
			url, _ := videoSite(t, sound, barcode+`<audio autoplay src=/media></audio><script>document.querySelector("audio").onplaying = () => paint(1)</script>`)
			if painted(t, url) != 1 {
				t.Error("it does not play")
			}
		})
	}
}

// Chrome plays a playlist's segments only as they are.
func TestAPlaylistPlays(t *testing.T) {
	dir := t.TempDir()
	video := media(t, "h264-aac.mp4", 30, 150, sounding["h264-aac.mp4"]...)
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", video, "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_list_size", "0",
		"-hls_segment_type", "fmp4", "list.m3u8")
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	for test, list := range map[string]string{"by name": "list.m3u8", "by type": "list"} {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			url := site(t, map[string]http.HandlerFunc{
				"/": html(barcode + `<video autoplay src=/hls/` + list + ` hidden></video><script>document.querySelector("video").onplaying = () => paint(1)</script>`),
				"/hls/": func(w http.ResponseWriter, r *http.Request) {
					name := strings.TrimPrefix(r.URL.Path, "/hls")
					if name == "/list" {
						name = "/list.m3u8"
						w.Header().Set("Content-Type", "application/x-mpegURL")
					}
					http.ServeFile(w, r, filepath.Join(dir, name))
				},
			})
			if painted(t, url) != 1 {
				t.Error("it does not play")
			}
		})
	}
}
