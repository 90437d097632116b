package mp4

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// made makes a file of two seconds with FFmpeg; options are the output's.
func made(t testing.TB, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "video.mp4")
	args := []string{
		"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "2",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-profile:v", "high", "-preset", "superfast", "-threads", "1",
		"-vf", "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709", "-video_track_timescale", "30000",
	}
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append(args, options...), path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestAnIndexIsRead(t *testing.T) {
	tracks, err := Read(made(t, "-c:a", "aac"))
	if err != nil || len(tracks) != 2 {
		t.Fatalf("%d tracks, %v", len(tracks), err)
	}
	v, a := tracks[0], tracks[1]
	if v.Type != "video" || v.Codec != "h264" || v.Width != 320 || v.Height != 180 || v.PixelFormat != "yuv420p" || v.Range != "tv" ||
		v.Space != "bt709" || v.Primaries != "bt709" || v.Transfer != "bt709" || !strings.HasPrefix(v.Parameters, "SHA256:") {
		t.Errorf("the picture is %+v", v.Stream)
	}
	if g := v.Timing; g.Packets != 60 || g.First != 0 || g.Gap != 1000 || g.Uneven != -1 || len(v.Sizes) != 60 {
		t.Errorf("its packets are %+v, %d sizes", g, len(v.Sizes))
	}
	if a.Type != "audio" || a.Codec != "aac" || a.TicksPerSecond != 48000 || a.Duration != 2*time.Second {
		t.Errorf("the sound is %+v", a.Stream)
	}
}

func TestWhatWeDoNotWriteIsRefused(t *testing.T) {
	for want, options := range map[string][]string{
		"fragments":              {"-movflags", "frag_keyframe+empty_moov"},
		"not 4:2:0":              {"-pix_fmt", "yuv444p", "-profile:v", "high444"},
		`pictures are in "mp4v"`: {"-c:v", "mpeg4", "-profile:v", "-99"},
		"not square":             {"-aspect", "2"},
		"not AAC":                {"-c:a", "libmp3lame"},
		"2 edits":                {"-output_ts_offset", "1"},
	} {
		t.Run(want, func(t *testing.T) {
			if _, err := Read(made(t, options...)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one that says %s", err, want)
			}
		})
	}
}

func TestAFileThatIsCutOffIsTold(t *testing.T) {
	for _, options := range [][]string{{"-movflags", "+faststart"}, {"-f", "mp4"}} {
		whole, err := os.ReadFile(made(t, options...))
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []int{0, 7, 100, len(whole) / 2, len(whole) - 1} {
			path := filepath.Join(t.TempDir(), "cut.mp4")
			if err := os.WriteFile(path, whole[:length], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(path); err == nil {
				t.Errorf("%v: %d of %d bytes are a file", options, length, len(whole))
			}
		}
	}
}

func TestFastStart(t *testing.T) {
	for option, want := range map[string]bool{"+faststart": true, "-faststart": false} {
		if got, err := FastStart(made(t, "-movflags", option)); err != nil || got != want {
			t.Errorf("%s: the index comes first: %v, %v", option, got, err)
		}
	}
	path := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(path, []byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FastStart(path); err == nil {
		t.Error("a file without an index has one")
	}
}

func TestLength(t *testing.T) {
	for _, options := range [][]string{{"-movflags", "+faststart"}, {"-f", "mov", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-profile:v", "-99", "-an"}} {
		if got, err := Length(made(t, options...)); err != nil || got != 2*time.Second {
			t.Errorf("%v: it lasts %s, %v; want 2s", options, got, err)
		}
	}
}
