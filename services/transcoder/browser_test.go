package transcoder

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// Chrome's MediaRecorder writes VP9 and Opus into a live WebM: its header has no length, there is
// no index, and pictures come whenever the camera has one, here with a pause of 0.7 s while the tab
// was hidden.
func TestABrowsersVP9IsShownByItsTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const stored = 60
	times := make([]int, stored) // in milliseconds
	for n := range times {
		times[n] = 40*n + 9*(7*n%5)
		if n >= 20 {
			times[n] += 700
		}
	}
	voice := func(s float64) float64 { return mediatest.Beep(0.5)(s) + mediatest.Beep(2.3)(s) }
	wav := filepath.Join(t.TempDir(), "sound.wav")
	if err := os.WriteFile(wav, mediatest.PCM(3*time.Second, voice), 0o600); err != nil {
		t.Fatal(err)
	}
	data := mediatest.Make(t, "facecam.webm", mediatest.RawFrames(stored, 160, 120, mediatest.Greys), append(mediatest.RawInput(msg.FPS(25), 160, 120), "-i", wav,
		"-vf", `settb=1/1000,setpts=(40*N+9*mod(7*N\,5)+700*gte(N\,20))`, "-fps_mode", "passthrough", "-enc_time_base", "1/1000",
		"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-c:a", "libopus", "-live", "1")...)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, facecam.File), data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := mediatest.Tools.Inspect(t.Context(), dir, facecam.File, ffmpeg.Containers)
	if err != nil || file.Duration != 0 || file.Streams[0].Codec != "vp9" || file.Streams[1].Codec != "opus" {
		t.Fatalf("%v, the test's file is %+v", err, file)
	}
	// Times count from the file's first time stamp, and Opus begins some milliseconds before the
	// picture.
	late := file.Streams[0].Start - file.Start

	face, facts := b.probed(t, data)
	if d := facts.DurationMS - int64(times[stored-1]); d < 0 || d > 100 {
		t.Errorf("it lasts %d ms, its last picture begins at %d", facts.DurationMS, times[stored-1])
	}
	rate, place := msg.FPS(30), usual(testWidth, testHeight)
	const first, count, whole = 6, 75, 96
	segment := b.segment(t, rate, face, first, count)
	for n := range segment.Frames {
		want := 0 // the last that is due by then
		for k, ms := range times {
			if at := late + time.Duration(ms)*time.Millisecond; math.Round(at.Seconds()*30) <= float64(first+n) {
				want = k
			}
		}
		if got := mediatest.ReadGrey(segment.Luma(n, place.X+place.Width/2, place.Y+place.Height/2, 6)); got != want%20 {
			t.Errorf("frame %d shows facecam grey %d, want %d", n, got, want%20)
		}
	}
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: whole},
		map[string]msg.Input{msg.Joined: b.joined(t, rate, whole), msg.FacecamFile: face}, outputsOfVideo...)
	heard := onsets(hear(t, b.store.get(t, "overlay/video")))
	if len(heard) != 2 || math.Abs(heard[0]-0.5) > 1./30 || math.Abs(heard[1]-2.3) > 1./30 {
		t.Errorf("beeps at %.3f s, want 0.5 and 2.3", heard)
	}
}
