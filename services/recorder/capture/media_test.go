package capture_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// made has the files that media has made, by its arguments.
var made = struct {
	sync.Mutex
	dir   string
	files map[string]func() (path string, err error)
}{files: map[string]func() (string, error){}}

// media makes an animation or a video: count pictures of 320 by 16 pixels, rate a second, each
// showing the barcode of its number from 1 on. The name's ending chooses the format, the arguments
// encoder and sound. Tests share the files of equal arguments; none may change them.
func media(t *testing.T, name string, rate, count int, args ...string) string {
	t.Helper()
	key := fmt.Sprint(name, rate, count, args)
	made.Lock()
	file, ok := made.files[key]
	if !ok {
		path := filepath.Join(made.dir, fmt.Sprintf("%d-%s", len(made.files), name))
		file = sync.OnceValues(func() (string, error) { return path, encode(path, rate, count, args) })
		made.files[key] = file
	}
	made.Unlock()
	path, err := file()
	if err != nil {
		t.Fatalf("make %s with ffmpeg: %v", name, err)
	}
	return path
}

func encode(path string, rate, count int, args []string) error {
	const w, h = 320, rowHeight
	var raw bytes.Buffer
	for n := 1; n <= count; n++ {
		var line [w]byte
		for x := range line {
			line[x] = byte(n>>(15-x/20)&1) * 255
		}
		raw.Write(bytes.Repeat(line[:], h))
	}
	input := []string{"-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", fmt.Sprintf("%dx%d", w, h), "-r", fmt.Sprint(rate), "-i", "-"}
	cmd := exec.Command("ffmpeg", append(append(input, args...), path)...)
	cmd.Stdin = &raw
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// file serves a file, and parts of it.
func file(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }
}

// animations are the formats of animated images, and how ffmpeg makes them.
var animations = map[string][]string{
	"moving.gif":  {"-loop", "0"},
	"moving.png":  {"-f", "apng", "-plays", "0"},
	"moving.webp": {"-c:v", "libwebp_anim", "-lossless", "1", "-loop", "0"},
}

// videos are the formats of video without sound, and how ffmpeg makes them.
var videos = map[string][]string{
	"vp8.webm": {"-c:v", "libvpx", "-deadline", "realtime", "-b:v", "2M", "-pix_fmt", "yuv420p"},
	"vp9.webm": {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-b:v", "2M", "-pix_fmt", "yuv420p"},
	"h264.mp4": {"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart"},
}

// sounding are the formats of video with sound, and how ffmpeg makes them.
var sounding = map[string][]string{
	"vp8-opus.webm":   append(tone(), "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "2M", "-pix_fmt", "yuv420p", "-c:a", "libopus"),
	"vp9-vorbis.webm": append(tone(), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-b:v", "2M", "-pix_fmt", "yuv420p", "-c:a", "libvorbis"),
	"h264-aac.mp4":    append(tone(), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart"),
	// Its tracks' headers are at the end.
	"h264-late.mp4": append(tone(), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
	// Each of its fragments has its own headers.
	"h264-fragments.mp4": append(tone(), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "frag_keyframe+delay_moov"),
}

// tone is ffmpeg's input of a sound, for as long as the picture lasts.
func tone() []string { return []string{"-f", "lavfi", "-i", "sine=frequency=440", "-shortest"} }
