package transcoder

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// beeping is a tone of a tenth of a second, half a second after each second begins.
func beeping(s float64) float64 {
	if at := math.Mod(s, 1); at < 0.5 || at >= 0.6 {
		return 0
	}
	return 0.3 * math.Sin(2*math.Pi*1000*s)
}

// changing makes an MPEG-TS of parts of two seconds, each with its own options of sound. It flashes
// when it beeps.
func changing(t *testing.T, codec string, parts ...[]string) []byte {
	t.Helper()
	const seconds = 2
	var all []byte
	flash := func(n int, rgb []byte, width, height int) {
		if n%24 >= 12 && n%24 < 15 {
			mediatest.Solid(230)(n, rgb, width, height)
		} else {
			mediatest.Solid(40)(n, rgb, width, height)
		}
	}
	dir, sound := t.TempDir(), "sound.wav"
	if err := os.WriteFile(filepath.Join(dir, sound), mediatest.PCM(msg.FPS(24).At(24*seconds), beeping), 0o600); err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return filepath.Join(dir, fmt.Sprint(i, ".ts")) }
	args := append([]string{"-v", "error"}, mediatest.RawInput(msg.FPS(24), 160, 120)...)
	args = append(args, "-i", filepath.Join(dir, sound))
	for i, options := range parts {
		args = append(append(args, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", codec), options...)
		args = append(args, "-output_ts_offset", strconv.Itoa(seconds*i), "-muxdelay", "0", "-muxpreload", "0", name(i))
	}
	mediatest.Run(t, mediatest.RawFrames(24*seconds, 160, 120, flash), mediatest.Tools.FFmpeg, args...)
	for i := range parts {
		part, err := os.ReadFile(name(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part...)
	}
	return all
}

// FFmpeg creates its filters again when a sound changes its rate or channels, and they count from
// zero again.
func TestSoundThatChangesItsFormStaysInStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	const count = 24 * 7 // a second more than the facecam
	joined := b.joined(t, rate, count)
	for name, test := range map[string]struct {
		codec string
		parts [][]string
	}{
		"AAC":  {"aac", [][]string{{"-ac", "1", "-ar", "44100"}, {"-ac", "6", "-ar", "48000"}, {"-ac", "2", "-ar", "32000"}}},
		"AC-3": {"ac3", [][]string{{"-ac", "1", "-ar", "32000"}, {"-ac", "6", "-ar", "44100"}, {"-ac", "2", "-ar", "48000"}}},
	} {
		t.Run(name, func(t *testing.T) {
			face, facts := b.probed(t, changing(t, test.codec, test.parts...))
			if facts.Loudness == nil || facts.SoundMS < 5900 || facts.SoundMS > 6200 {
				t.Fatalf("facts %+v", facts)
			}
			b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
				map[string]msg.Input{msg.Joined: joined, msg.FacecamFile: face}, outputsOfVideo...)
			video := b.store.get(t, "overlay/video")
			checkTiming(t, video, rate, count)
			times := onsets(hear(t, video))
			if len(times) != 6 {
				t.Fatalf("beeps at %.3f, want 6", times)
			}
			for i, at := range times {
				// The parts' own encoders begin some milliseconds late.
				if want := float64(i) + 0.5; math.Abs(at-want) > 0.035 {
					t.Errorf("beep %d is at %.3f s, want %.1f", i, at, want)
				}
			}
			if lufs, peak := measured(t, video); peak > -1 || lufs > -14.5 {
				t.Errorf("%.1f LUFS, %.1f dBTP", lufs, peak)
			}
		})
	}
}

// The pipe carries no sound then.
func TestSoundThatStartsAfterTheVideosEndIsSilence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(24), 24
	face, facts := b.probed(t, mediatest.Facecam(t, rate, 96, 160, 120, mediatest.PCM(rate.At(24), mediatest.Beep(0.2)), ".mkv",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-af", "asetpts=PTS+3/TB"))
	facts.Loudness = nil // as of a video that is so short
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
		map[string]msg.Input{msg.Joined: b.joined(t, rate, count), msg.FacecamFile: b.input(t, face.Key, b.store.get(t, face.Key), facts)},
		outputsOfVideo...)
	video := b.store.get(t, "overlay/video")
	checkTiming(t, video, rate, count)
	if loud := loudest(hear(t, video), 0, 1); loud > 0 {
		t.Errorf("there is sound of %.3f", loud)
	}
}
