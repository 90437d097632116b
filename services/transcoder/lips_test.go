package transcoder

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// A facecam that flashes and beeps at the same time does so in the finished video, to its end, over
// still pages, as most are.
func TestLipsAndVoiceStayTogether(t *testing.T) {
	t.Parallel()
	seconds, scenes := 12, 3
	if os.Getenv("LOOM_LONG") != "" {
		seconds, scenes = 600, 40
	}
	for _, test := range []struct {
		name string
		file string
		args []string
	}{
		{"from a phone", ".mp4", []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "60", "-c:a", "aac", "-ar", "44100"}},
		{"from a browser", ".webm", []string{"-vf", `select=gt(mod(n\,7)\,0)+lt(mod(n\,60)\,8)`, "-fps_mode", "vfr", "-enc_time_base", "1/1000",
			"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k", "-g", "100", "-c:a", "libopus", "-live", "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			rate := msg.Rate{Num: 30000, Den: 1001}
			const apart, lasts = 2, 6 // seconds between flashes, frames of a flash
			paint := func(n int, rgb []byte, _, _ int) {
				v := byte(30)
				if n%(30*apart) < lasts {
					v = 220
				}
				for i := range rgb {
					rgb[i] = v
				}
			}
			voice := func(s float64) float64 {
				if math.Mod(s, apart) < lasts/30. {
					return 0.5 * math.Sin(2*math.Pi*1000*s)
				}
				return 0
			}
			data := flashing(t, test.file, seconds, paint, voice, test.args)
			face, facts := b.probed(t, data)
			if !facts.Seekable {
				t.Errorf("facts %+v", facts)
			}
			segments, params := map[string]msg.Input{}, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate}
			total := rate.Frames(time.Duration(seconds) * time.Second)
			first := 0
			for i := range scenes {
				last := total * (i + 1) / scenes
				still := mediatest.Mezzanine(t, rate, last-first, testWidth, testHeight, mediatest.Solid(20), func(n int) bool { return n == 0 })
				facts := b.must(t, msg.Normalize, msg.NormalizeParams{
					Scene: i + 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: last - first, FirstFrame: first, Facecam: true,
				}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", still, nil), msg.FacecamFile: face}, msg.Segment)
				name := fmt.Sprintf("%s-%04d", msg.Segment, i+1)
				segments[name] = b.input(t, name, b.store.get(t, "normalize/segment"), facts)
				params.Frames = append(params.Frames, last-first)
				first = last
			}
			joined := b.must(t, msg.Concat, params, segments, msg.Joined)
			b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: total, ThumbnailAt: new(float64)}, map[string]msg.Input{
				msg.Joined: b.input(t, "joined", b.store.get(t, "concat/joined"), joined), msg.FacecamFile: face,
			}, outputsOfVideo...)
			video := b.store.get(t, "overlay/video")
			checkTiming(t, video, rate, total)

			flashes, beeps := b.flashes(t, video, rate), onsets(hear(t, video))
			if want := seconds / apart; len(flashes) != want || len(beeps) != want {
				t.Fatalf("%d flashes and %d beeps, want %d: %.2f %.2f", len(flashes), len(beeps), want, flashes, beeps)
			}
			worst, drift := 0.0, (beeps[len(beeps)-1]-flashes[len(flashes)-1])-(beeps[0]-flashes[0])
			for i := range flashes {
				worst = max(worst, math.Abs(beeps[i]-flashes[i]))
			}
			t.Logf("apart by %.1f ms at most, drift %.2f ms", 1000*worst, 1000*drift)
			if frame := 1 / rate.Float(); worst > frame+0.001 || math.Abs(drift) > frame {
				t.Errorf("flash and beep are apart by %.1f ms at most, drift %.1f ms; a frame is %.1f ms", 1000*worst, 1000*drift, 1000*frame)
			}
		})
	}
}

// flashing makes a facecam of 30 frames a second.
func flashing(t *testing.T, ext string, seconds int, paint mediatest.Picture, voice mediatest.Wave, args []string) []byte {
	t.Helper()
	file := t.TempDir() + "/sound.wav"
	if err := os.WriteFile(file, mediatest.PCM(time.Duration(seconds)*time.Second, voice), 0o600); err != nil {
		t.Fatal(err)
	}
	return mediatest.Make(t, "facecam"+ext, mediatest.RawFrames(30*seconds, 64, 48, paint),
		append(append(mediatest.RawInput(msg.FPS(30), 64, 48), "-i", file), args...)...)
}

// flashes returns when the bubble becomes bright, in seconds.
func (b *bench) flashes(t *testing.T, video []byte, rate msg.Rate) (times []float64) {
	t.Helper()
	file := t.TempDir() + "/video.mp4"
	if err := os.WriteFile(file, video, 0o600); err != nil {
		t.Fatal(err)
	}
	p := usual(testWidth, testHeight)
	grey := mediatest.Run(t, nil, mediatest.Tools.FFmpeg, "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("crop=8:8:%d:%d,scale=1:1,format=gray", p.X+p.Width/2-4, p.Y+p.Height/2-4), "-f", "rawvideo", "-")
	for n := range grey {
		if grey[n] > 120 && (n == 0 || grey[n-1] <= 120) {
			times = append(times, rate.At(n).Seconds())
		}
	}
	return times
}

// onsets returns when sound starts after at least half a second of none, in seconds.
func onsets(sound []float64) (times []float64) {
	last := -mediatest.SampleRate
	for i, v := range sound {
		if math.Abs(v) < 0.05 {
			continue
		}
		if i-last > mediatest.SampleRate/2 {
			times = append(times, float64(i)/mediatest.SampleRate)
		}
		last = i
	}
	return times
}
