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
	moving = "testsrc2=s=160x120:r=30:d=9"
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
		"-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-g", "45", "-bf", "3", "-x264-params", "open-gop=1:scenecut=0",
	}},
	{"H.264 in Matroska", "facecam.mkv", true, []string{"-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-g", "45", "-bf", "3"}},
	{"HEVC with open groups at 29.97", "facecam.mov", true, []string{
		"-vf", "fps=30000/1001", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=40:open-gop=1:bframes=3",
		"-pix_fmt", "yuv420p10le", "-tag:v", "hvc1",
	}},
	{"VP8 from a browser", "facecam.webm", true, append([]string{"-vf", unsteady, "-fps_mode", "vfr", "-enc_time_base", "1/1000"},
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "60", "-b:v", "500k", "-live", "1")},
	{"VP9 from a browser", "facecam.webm", true, append([]string{"-vf", unsteady, "-fps_mode", "vfr", "-enc_time_base", "1/1000"},
		"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60", "-b:v", "500k", "-live", "1")},
	{"first frame late", "facecam.mp4", true, []string{
		"-vf", "setpts=PTS+2.517/TB", "-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-g", "30",
	}},
	{"MPEG-TS, which has no index", "facecam.ts", false, []string{"-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-g", "45", "-bf", "3"}},
	{"AVI", "facecam.avi", true, []string{"-c:v", "mpeg4", "-g", "45", "-q:v", "4"}},
	{"intra refresh, whose keyframes are none", "facecam.mp4", false, []string{
		"-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-g", "60", "-intra-refresh", "1",
	}},
	{"one keyframe", "facecam.mp4", false, []string{"-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p", "-g", "1000", "-sc_threshold", "0"}},
}

// The same frames are shown wherever decoding starts.
func TestASliceIsTheSameWhereverDecodingStarts(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	for _, test := range seekCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-f", "lavfi", "-i", moving, "-f", "lavfi", "-i", "sine=d=9"}, test.args...)
			checkSlices(t, mediatest.Make(t, test.file, nil, args...), test.seekable)
		})
	}
	t.Run("MOV with an edit list", func(t *testing.T) {
		t.Parallel()
		whole := filepath.Join(t.TempDir(), "whole.mp4")
		args := append([]string{"-v", "error", "-f", "lavfi", "-i", moving, "-f", "lavfi", "-i", "sine=d=9"}, seekCases[0].args...)
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
	for _, rate := range []msg.Rate{{Num: 30000, Den: 1001}, msg.FPS(60)} {
		face := Picture{Stream: *video, Start: file.Start}
		whole := face.hashes(t, dir, rate, 0, 10_000)
		if n := rate.Frames(6 * time.Second); len(whole) < n {
			t.Fatalf("%d frames, want more than %d", len(whole), n)
		}
		const length = 25
		for first := 7; first+length <= len(whole); first += int(rate.Float() * 1.43) {
			face.Seek = seekFor(got, file.Start, rate.At(first))
			if slice := face.hashes(t, dir, rate, first, length); !slices.Equal(slice, whole[first:first+length]) {
				t.Errorf("at %s fps, %d frames from frame %d on are not those of the whole", rate, len(slice), first)
			}
		}
	}
}

// hashes returns the hash of each frame of a slice.
func (p Picture) hashes(t *testing.T, dir string, rate msg.Rate, first, count int) []string {
	t.Helper()
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, p.Input()...)
	args = append(args, "-filter_complex", fmt.Sprintf("[0:%d]%s[out]", p.Stream.Index, p.Frames(rate, first, count)),
		"-map", "[out]", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	out, err := mediatest.Tools.Output(t.Context(), dir, args, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ","); len(fields) == 6 && line[0] != '#' {
			hashes = append(hashes, strings.TrimSpace(fields[5]))
		}
	}
	return hashes
}
