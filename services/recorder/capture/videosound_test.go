package capture_test

import (
	"fmt"
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
	ways := []struct{ name, page string }{
		{"whole", `<video autoplay src=/whole></video>`},
		{"elsewhere", `<video autoplay src=/redirect></video>`},
		{"other origin", `<video autoplay src=OTHER/media></video>`},
		{"with leave", `<video autoplay crossorigin src=OTHER/shared></video>`},
		{"in a frame", `<iframe style="display:block;border:0" width=320 height=16 srcdoc="<style>body{margin:0}</style><video autoplay src=/media></video>"></iframe>`},
		{"by a script", `<div></div><script>{ const v = document.createElement("video"); v.src = "/media?script"; v.autoplay = true; v.style.display = "block";
			document.querySelector("div").attachShadow({mode: "open"}).append(v) }</script>`},
	}
	t.Parallel()
	page := ""
	for _, way := range ways {
		page += way.page
	}
	url, _ := videoSite(t, media(t, name, 30, 60, sounding[name]...), page)
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), movingFrames)
	for row, way := range ways {
		t.Run(way.name, func(t *testing.T) { checkBeat(t, numbersIn(pictures, row), 2, lateVideo) })
	}
}

// Only a part of a large video is held; the rest is served unchanged.
func TestMovingVideoWithSoundThatIsLarge(t *testing.T) {
	t.Parallel()
	// Sound without compression is large soon.
	const seconds = 36
	end := media(t, "end.mov", 30, 30*seconds, "-f", "lavfi", "-i", "sine=sample_rate=48000", "-shortest", "-c:v", "libx264", "-preset", "ultrafast",
		"-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-ac", "2")
	begin := filepath.Join(t.TempDir(), "begin.mov")
	if said, err := exec.Command("ffmpeg", "-v", "error", "-i", end, "-c", "copy", "-movflags", "+faststart", begin).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	if info, err := os.Stat(begin); err != nil || info.Size() < 6<<20 {
		t.Fatalf("the video is too small: %v, %v", info, err)
	}
	pictures := playing(movingFrames).showing(t, map[string]string{"/begin": begin, "/end": end}, `<video autoplay src=/begin></video><video autoplay src=/end></video>`)
	for row, name := range []string{"headers at the beginning", "headers at the end"} {
		t.Run(name, func(t *testing.T) { checkBeat(t, numbersIn(pictures, row), 2, lateVideo) })
	}
}

// painted captures a page and returns the numbers that its rows show in the end.
func painted(t *testing.T, url string, rows int) (shown []int) {
	t.Helper()
	path, _ := shot{url: url, frames: movingFrames}.mustTake(t)
	last := decode(t, path, msg.FPS(60), movingFrames)[movingFrames-1:]
	for row := range rows {
		shown = append(shown, numbersIn(last, row)...)
	}
	return shown
}

// A page may do the same with another origin's video as without the recorder.
func TestAVideosOriginStaysItsOwn(t *testing.T) {
	const name = "vp8-opus.webm"
	t.Parallel()
	rows := []struct {
		attributes string
		want       int
	}{
		{`crossorigin src=OTHER/media`, 1}, // it is not shared
		{`crossorigin src=OTHER/shared`, 2},
		{`src=OTHER/media`, 3},
	}
	page := barcodes
	for row, r := range rows {
		page += fmt.Sprintf(`<video %s autoplay hidden></video><script>{
			const v = document.querySelectorAll("video")[%d], c = document.createElement("canvas").getContext("2d"), paint = barcode(%[2]d);
			v.onerror = () => paint(1);
			v.onplaying = () => { c.drawImage(v, 0, 0); try { c.getImageData(0, 0, 1, 1); paint(2) } catch { paint(3) } } }</script>`, r.attributes, row)
	}
	url, _ := videoSite(t, media(t, name, 30, 60, sounding[name]...), page)
	for row, got := range painted(t, url, len(rows)) {
		if r := rows[row]; got != r.want {
			t.Errorf("%s did %d, want %d (1: refuse it, 2: read it, 3: show it, but not read it)", r.attributes, got, r.want)
		}
	}
}

// A file without pictures keeps its sound.
func TestSoundWithoutPicturesPlays(t *testing.T) {
	t.Parallel()
	dir, names := t.TempDir(), []string{"sound.m4a", "sound.webm", "sound.mp3"}
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-f", "lavfi", "-i", "sine=duration=5"}, names...)...)
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	pages, page := map[string]http.HandlerFunc{}, barcodes
	for row, name := range names {
		pages["/"+name] = file(filepath.Join(dir, name))
		page += fmt.Sprintf(`<audio autoplay src=/%s></audio><script>document.querySelectorAll("audio")[%d].onplaying = () => barcode(%[2]d)(1)</script>`, name, row)
	}
	pages["/"] = html(page)
	for row, got := range painted(t, site(t, pages), len(names)) {
		if got != 1 {
			t.Errorf("%s does not play", names[row])
		}
	}
}

// Chrome plays a playlist's segments only as they are. It knows a playlist by its name or its type.
func TestAPlaylistPlays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	video := media(t, "h264-aac.mp4", 30, 60, sounding["h264-aac.mp4"]...)
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", video, "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_list_size", "0",
		"-hls_segment_type", "fmp4", "list.m3u8")
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	lists, page := []string{"list.m3u8", "list"}, barcodes
	for row, list := range lists {
		page += fmt.Sprintf(`<video autoplay src=/hls/%s hidden></video><script>document.querySelectorAll("video")[%d].onplaying = () => barcode(%[2]d)(1)</script>`, list, row)
	}
	url := site(t, map[string]http.HandlerFunc{
		"/": html(page),
		"/hls/": func(w http.ResponseWriter, r *http.Request) {
			name := strings.TrimPrefix(r.URL.Path, "/hls")
			if name == "/list" {
				name = "/list.m3u8"
				w.Header().Set("Content-Type", "application/x-mpegURL")
			}
			http.ServeFile(w, r, filepath.Join(dir, name))
		},
	})
	for row, got := range painted(t, url, len(lists)) {
		if got != 1 {
			t.Errorf("%s does not play", lists[row])
		}
	}
}
