package transcoder

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// speech is a wave like a voice: syllables, breaths, sentences, and many harmonics.
func speech(volume float64) mediatest.Wave {
	return func(s float64) float64 {
		pitch := 2 * math.Pi * (140*s + 3*math.Sin(2*math.Pi*0.7*s))
		v := 0.0
		for k := 1.0; k <= 12; k++ {
			v += math.Sin(k*pitch+k*k) / k
		}
		syllables := math.Pow(math.Abs(math.Sin(2*math.Pi*2.1*s)), 1.5)
		if math.Mod(s, 4) > 3.3 {
			syllables = 0.02
		}
		return max(-1, min(1, volume*0.5*v*syllables))
	}
}

// measured returns what ebur128 measures of a finished video's sound.
func measured(t *testing.T, video []byte) (lufs, peak float64) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "video.mp4"), video, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := mediatest.Tools.RunInfo(t.Context(), dir, append(ffmpeg.Global("info"),
		"-i", "video.mp4", "-map", "0:a", "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"), nil)
	if err != nil {
		t.Fatal(err)
	}
	number := func(label string) float64 {
		found := regexp.MustCompile(`\n\s+`+label+`:\s+(\S+) `).FindAllStringSubmatch(report, -1)
		if found == nil {
			t.Fatalf("no %s in %s", label, report)
		}
		v, err := strconv.ParseFloat(found[len(found)-1][1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return number("I"), number("Peak")
}

func TestTheFinishedSoundIsAsLoudAsItShouldBe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(6), 6*9
	joined := b.joined(t, rate, count)
	noise := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		name string
		wave mediatest.Wave
		args []string
	}{
		{"soft, stereo, with hiss", func(s float64) float64 { return speech(0.02)(s) + 0.001*noise.NormFloat64() }, []string{"-ac", "2"}},
		{"loud", speech(1.5), nil},
		{"loud and soft in turn", func(s float64) float64 {
			if math.Mod(s, 8) > 4 {
				return speech(0.5)(s)
			}
			return speech(0.08)(s)
		}, nil},
		{"steady", func(s float64) float64 { return 0.03 * math.Sin(2*math.Pi*300*s) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"-c:a", "aac", "-b:a", "192k"}, test.args...)
			face, facts := b.probed(t, mediatest.Facecam(t, rate, count, 64, 48, mediatest.PCM(rate.At(count), test.wave), args...))
			b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
				map[string]msg.Input{msg.Joined: joined, msg.FacecamFile: face}, outputsOfVideo...)
			lufs, peak := measured(t, b.store.get(t, "overlay/video"))
			t.Logf("%.1f LUFS, %.1f dBTP, from %+v", lufs, peak, *facts.Loudness)
			if math.Abs(lufs+16) > 1 {
				t.Errorf("%.1f LUFS, want -16", lufs)
			}
			if peak > -1 {
				t.Errorf("a peak of %.1f dBTP, want -1 at most", peak)
			}
		})
	}
}

// A voice with claps, whose peaks the target must hold down: the usual one, and those of campaigns.
func TestTheFinishedSoundKeepsToTheTargetThatIsAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(6), 6*9
	joined := b.joined(t, rate, count)
	face, _ := b.probed(t, mediatest.Facecam(t, rate, count, 64, 48, mediatest.PCM(rate.At(count), func(s float64) float64 {
		clap := math.Mod(s, 2.7)
		return speech(0.1)(s) + 0.9*math.Exp(-60*clap)*math.Sin(2*math.Pi*900*clap)
	}), "-c:a", "aac", "-b:a", "192k"))
	for _, want := range []struct{ lufs, peak float64 }{{-16, -1.5}, {-20, -9}, {-23, -1}} {
		b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count,
			Loudness: &output.Loudness{Integrated: &want.lufs, TruePeak: &want.peak}},
			map[string]msg.Input{msg.Joined: joined, msg.FacecamFile: face}, outputsOfVideo...)
		lufs, peak := measured(t, b.store.get(t, "overlay/video"))
		t.Logf("%.1f LUFS, %.1f dBTP, asked for %.1f and %.1f", lufs, peak, want.lufs, want.peak)
		if math.Abs(lufs-want.lufs) > 1 {
			t.Errorf("%.1f LUFS, want %.1f", lufs, want.lufs)
		}
		// If the target were ignored, peaks would be some decibels off.
		if math.Abs(peak-want.peak) > 0.5 {
			t.Errorf("a peak of %.1f dBTP, want %.1f", peak, want.peak)
		}
	}
}

// loudnorm makes sound of less than 3 s almost silent when peaks forbid it to be loud. Ends of some
// milliseconds are faded.
func TestSoundThatIsBriefOrOddIsHeard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, noise := msg.FPS(6), rand.New(rand.NewPCG(1, 2))
	claps := func(s float64) float64 {
		clap := math.Mod(s, 0.9)
		return 0.7 * math.Exp(-60*clap) * math.Sin(2*math.Pi*900*clap)
	}
	for _, c := range []struct {
		name    string
		seconds int
		wave    mediatest.Wave
		// peak is the least that the highest peak should be, in dBTP.
		peak float64
	}{
		{"claps, 2 s", 2, claps, -2.5},
		{"hiss, 2 s", 2, func(float64) float64 { return 0.01 * noise.NormFloat64() }, -12},
		{"a click at the end", 4, func(s float64) float64 {
			if s > 3.985 {
				return 0.5 * math.Sin(2000*s)
			}
			return 0.0005 * noise.NormFloat64()
		}, -12},
	} {
		count := 6 * c.seconds
		face, _ := b.probed(t, mediatest.Facecam(t, rate, count, 64, 48, mediatest.PCM(rate.At(count), c.wave), ".mkv",
			"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"))
		b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
			map[string]msg.Input{msg.Joined: b.joined(t, rate, count), msg.FacecamFile: face}, outputsOfVideo...)
		if lufs, peak := measured(t, b.store.get(t, "overlay/video")); peak < c.peak || peak > -1 {
			t.Errorf("%s: %.1f LUFS, %.1f dBTP, want peaks from %.1f to -1", c.name, lufs, peak, c.peak)
		}
	}
}

// The silence after a facecam of half a second makes the whole softer than the facecam: that is no
// reason to refuse the video.
func TestAFacecamOfHalfASecondIsHeard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count, whole := msg.FPS(24), 11, 96
	hum := func(s float64) float64 { return 0.05 * math.Sin(2*math.Pi*440*s) }
	face, _ := b.probed(t, mediatest.Facecam(t, rate, count, 64, 48, mediatest.PCM(rate.At(count), hum), ".mkv",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"))
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: whole},
		map[string]msg.Input{msg.Joined: b.joined(t, rate, whole), msg.FacecamFile: face}, outputsOfVideo...)
	if lufs, peak := measured(t, b.store.get(t, "overlay/video")); peak < -20 {
		t.Errorf("%.1f LUFS, %.1f dBTP: it is hardly heard", lufs, peak)
	}
}

// Sound that is not heard does not count: a facecam may be much longer than the video, and louder
// or softer after its end.
func TestTheSoundIsAsLoudAsAskedWhereverTheVideoEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const end = 5 // seconds
	rate, seen, whole := msg.FPS(6), 6*end, 6*12
	for name, c := range map[string]struct{ before, after float64 }{"loud, then soft": {0.5, 0.1}, "soft, then loud": {0.1, 0.5}} {
		sound := func(s float64) float64 {
			if s < end {
				return speech(c.before)(s)
			}
			return speech(c.after)(s)
		}
		b.store.put("web/facecam", mediatest.Facecam(t, rate, whole, 64, 48, mediatest.PCM(rate.At(whole), sound), "-c:a", "aac", "-b:a", "192k"))
		facts := b.must(t, msg.Probe, msg.ProbeParams{URL: b.url + "/web/facecam", Length: msg.Duration(rate.At(seen))}, nil, msg.FacecamFile)
		b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: seen}, map[string]msg.Input{
			msg.Joined: b.joined(t, rate, seen), msg.FacecamFile: b.input(t, "facecam", b.store.get(t, "probe/facecam"), facts),
		}, outputsOfVideo...)
		if lufs, _ := measured(t, b.store.get(t, "overlay/video")); math.Abs(lufs+16) > 1 {
			t.Errorf("%s: %.1f LUFS, want -16", name, lufs)
		}
	}
}

func TestTheSoundsEndsDoNotClick(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	tone := func(s float64) float64 { return 0.5 * math.Cos(2*math.Pi*200*s) }
	face, facts := b.probed(t, mediatest.Facecam(t, rate, 72, 160, 120, mediatest.PCM(3*time.Second, tone), ".mkv",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"))
	if facts.SoundMS != 3000 {
		t.Errorf("the sound ends at %d ms, want 3000", facts.SoundMS)
	}
	for _, test := range []struct {
		name   string
		frames int
		end    float64
	}{{"facecam ends first", 96, 3}, {"picture ends first", 48, 2}} {
		t.Run(test.name, func(t *testing.T) {
			b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: test.frames},
				map[string]msg.Input{msg.Joined: b.joined(t, rate, test.frames), msg.FacecamFile: face}, outputsOfVideo...)
			sound := hear(t, b.store.get(t, "overlay/video"))
			steady := loudest(sound, 0.5, 1.5)
			for name, got := range map[string]float64{
				"at the start": loudest(sound, 0, 0.002), "at the end": loudest(sound, test.end-0.002, test.end),
			} {
				if got > 0.4*steady {
					t.Errorf("%s the sound is %.3f, of %.3f else", name, got, steady)
				}
			}
			if got := loudest(sound, 0.015, 0.1); got < 0.9*steady {
				t.Errorf("after the start the sound is %.3f, of %.3f else", got, steady)
			}
			if got := loudest(sound, test.end-0.1, test.end-0.025); got < 0.9*steady {
				t.Errorf("before the end the sound is %.3f, of %.3f else", got, steady)
			}
		})
	}
}
