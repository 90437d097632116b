package facecam

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

const (
	moving = "testsrc2=s=160x120:r=30:d=8"
	// unsteady gives frames the uneven times of a browser's recording, and drops some.
	unsteady = `setpts=PTS+0.004*sin(N*1.7)/TB,select=gt(mod(n\,7)\,0)`
)

// seekCases are facecams in which keyframes are found in different ways.
var seekCases = []struct {
	name, file string
	seekable   bool
	args       []string
}{
	{"H.264 with B-frames and open groups", "facecam.mp4", true, []string{
		"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "45", "-bf", "3", "-x264-params", "open-gop=1:scenecut=0",
	}},
	{"H.264 in Matroska", "facecam.mkv", true, []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "45", "-bf", "3"}},
	{"HEVC with open groups at 29.97", "facecam.mov", true, []string{
		"-vf", "fps=30000/1001", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=40:open-gop=1:bframes=3",
		"-pix_fmt", "yuv420p10le", "-tag:v", "hvc1",
	}},
	{"VP8 from a browser", "facecam.webm", true, append([]string{"-vf", unsteady, "-fps_mode", "vfr", "-enc_time_base", "1/1000"},
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "60", "-b:v", "500k", "-live", "1")},
	{"VP9 from a browser", "facecam.webm", true, append([]string{"-vf", unsteady, "-fps_mode", "vfr", "-enc_time_base", "1/1000"},
		"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60", "-b:v", "500k", "-live", "1")},
	{"first frame late", "facecam.mp4", true, []string{
		"-vf", "setpts=PTS+2.517/TB", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "30",
	}},
	{"MPEG-TS, which has no index", "facecam.ts", false, []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "45", "-bf", "3"}},
	{"AVI", "facecam.avi", true, []string{"-c:v", "mpeg4", "-g", "45", "-q:v", "4"}},
	{"intra refresh, whose keyframes are none", "facecam.mp4", false, []string{
		"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "60", "-intra-refresh", "1",
	}},
	{"one keyframe", "facecam.mp4", false, []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "1000", "-sc_threshold", "0"}},
}

// The same frames are shown wherever decoding starts.
func TestASliceIsTheSameWhereverDecodingStarts(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	for _, test := range seekCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-f", "lavfi", "-i", moving, "-f", "lavfi", "-i", "sine=d=8"}, test.args...)
			checkSlices(t, mediatest.Make(t, test.file, nil, args...), test.seekable)
		})
	}
	t.Run("MOV with an edit list", func(t *testing.T) {
		t.Parallel()
		whole := filepath.Join(t.TempDir(), "whole.mp4")
		args := append([]string{"-v", "error", "-f", "lavfi", "-i", moving, "-f", "lavfi", "-i", "sine=d=8"}, seekCases[0].args...)
		mediatest.Run(t, nil, mediatest.Tools.FFmpeg, append(args, whole)...)
		checkSlices(t, mediatest.Make(t, "facecam.mov", nil, "-ss", "1.234", "-i", whole, "-c", "copy"), true)
	})
}

// checkSlices compares slices of a facecam with the same frames of the whole.
func checkSlices(t *testing.T, data []byte, want bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, File), data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := mediatest.Tools.Inspect(t.Context(), dir, File, ffmpeg.Containers)
	if err != nil {
		t.Fatal(err)
	}
	video, _ := choose(file)
	timing, err := mediatest.Tools.Timing(t.Context(), dir, File, ffmpeg.Containers, video.Index)
	if err != nil {
		t.Fatal(err)
	}
	got, err := seekable(t.Context(), mediatest.Tools, dir, *video, timing)
	if err != nil || got != want {
		t.Errorf("seekable %t, %v; want %t", got, err, want)
	}
	// All slices are decoded by one process, each from a start of its own, and so is the whole.
	var list []slice
	const length = 25
	step := 1.43 // seconds
	if !got {
		step = 4 // each slice is decoded from the file's start
	}
	for _, rate := range []msg.Rate{{Num: 30000, Den: 1001}, msg.FPS(60)} {
		list = append(list, slice{Picture{Stream: *video, Start: file.Start}, rate, 0, 10_000})
		for first := 7; rate.At(first+length) < 7*time.Second; first += int(rate.Float() * step) {
			list = append(list, slice{Picture{*video, file.Start, seekFor(got, file.Start, rate.At(first))}, rate, first, length})
		}
	}
	var whole []string
	for i, hashes := range hashes(t, dir, list) {
		s := list[i]
		if s.first == 0 {
			if whole = hashes; len(whole) < s.rate.Frames(6*time.Second) {
				t.Fatalf("%d frames at %s fps, want 6 s and more", len(whole), s.rate)
			}
			continue
		}
		if until := s.first + s.count; until <= len(whole) && !slices.Equal(hashes, whole[s.first:until]) {
			t.Errorf("at %s fps, %d frames from frame %d on are not those of the whole", s.rate, len(hashes), s.first)
		}
	}
}

// slice is a number of frames of a facecam from one on, at a rate.
type slice struct {
	face         Picture
	rate         msg.Rate
	first, count int
}

// hashes returns the hash of each frame of each slice.
func hashes(t *testing.T, dir string, list []slice) (all [][]string) {
	t.Helper()
	args := append(ffmpeg.Global("error"), "-copyts")
	var filters []string
	for i, s := range list {
		args = append(args, s.face.Input()...)
		filters = append(filters, fmt.Sprintf("[%d:%d]%s[out%d]", i, s.face.Stream.Index, s.face.Frames(s.rate, s.first, s.count), i))
	}
	args = append(args, "-filter_complex", strings.Join(filters, ";"))
	name := func(i int) string { return fmt.Sprint("slice-", i) }
	for i := range list {
		args = append(args, "-map", fmt.Sprintf("[out%d]", i), "-fps_mode", "passthrough", "-f", "framemd5", "file:"+name(i))
	}
	if err := mediatest.Tools.Run(t.Context(), dir, args, nil); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		text, err := os.ReadFile(filepath.Join(dir, name(i)))
		if err != nil {
			t.Fatal(err)
		}
		var hashes []string
		for line := range strings.Lines(string(text)) {
			if fields := strings.Split(line, ","); len(fields) == 6 && line[0] != '#' {
				hashes = append(hashes, strings.TrimSpace(fields[5]))
			}
		}
		all = append(all, hashes)
	}
	return all
}
