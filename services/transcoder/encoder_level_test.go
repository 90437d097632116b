package transcoder

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestALevelHoldsSizeRateAndReferences(t *testing.T) {
	for _, c := range []struct {
		width, height int
		rate          msg.Rate
		want          string
	}{
		{16, 16, msg.FPS(1), "4.1"}, {320, 180, msg.FPS(120), "4.1"}, {1280, 720, msg.FPS(60), "4.1"}, {1080, 1080, msg.FPS(30), "4.1"},
		{1920, 1080, msg.FPS(30), "4.1"}, {1920, 1080, msg.FPS(31), "4.2"},
		{1920, 1080, msg.FPS(60), "4.2"}, {1080, 1920, msg.Rate{Num: 60000, Den: 1001}, "4.2"}, {1920, 1080, msg.FPS(120), "5.1"},
		{1920, 1200, msg.FPS(24), "5.0"}, // too large for 4.2
		{2560, 1440, msg.FPS(30), "5.0"}, {2560, 1440, msg.FPS(60), "5.1"},
		{3840, 2160, msg.FPS(24), "5.1"}, {3840, 2160, msg.FPS(30), "5.1"}, {3840, 2160, msg.FPS(60), "5.2"}, {2160, 3840, msg.FPS(60), "5.2"},
		{3840, 2160, msg.FPS(120), "6.0"},
		// A level bounds the longer side too: 4.1 holds 4096 pixels.
		{3840, 16, msg.FPS(60), "4.1"}, {16, 3840, msg.FPS(60), "4.1"}, {4112, 16, msg.FPS(60), "4.2"},
	} {
		if got := levelFor(c.width, c.height, c.rate).name; got != c.want {
			t.Errorf("%d×%d at %s: level %s, want %s", c.width, c.height, c.rate, got, c.want)
		}
	}
}

// A decoder is fed at the level's rate through the level's buffer. No picture may come later than
// it is due, whatever pages show, and whatever was before a join.
func TestNoiseStaysWithinItsLevel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		width, height int
		rate          msg.Rate
		quality       string
		frames        []int
	}{
		{1280, 720, msg.FPS(60), output.QualityHigh, []int{16, 14, 6, 6, 6, 6}},
		{1920, 1080, msg.FPS(60), output.QualityDraft, []int{12, 10}},
	} {
		t.Run(fmt.Sprintf("%dx%d at %s, %s", c.width, c.height, c.rate, c.quality), func(t *testing.T) {
			inputs, parameters := map[string]msg.Input{}, ""
			for i, frames := range c.frames {
				mov := mediatest.Mezzanine(t, c.rate, frames, c.width, c.height, mediatest.Noise(uint64(i)), nil)
				facts := b.must(t, msg.Normalize, msg.NormalizeParams{Scene: i + 1, Width: c.width, Height: c.height, Rate: c.rate, Frames: frames, Quality: c.quality},
					map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mov, nil)}, msg.Segment).(msg.VideoFacts)
				name := msg.SegmentName(i)
				inputs[name] = b.input(t, name, b.store.get(t, "normalize/segment"), facts)
				parameters = facts.Parameters
			}
			still := b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: c.width, Height: c.height, Rate: c.rate, Frames: 1, Quality: c.quality},
				map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mediatest.Mezzanine(t, c.rate, 1, c.width, c.height, mediatest.Bars, nil), nil)}, msg.Segment).(msg.VideoFacts)
			if still.Parameters != parameters {
				t.Errorf("what is bound has parameter sets %s, what is not %s", parameters, still.Parameters)
			}
			b.must(t, msg.Concat, msg.ConcatParams{Width: c.width, Height: c.height, Rate: c.rate, Frames: c.frames, Quality: c.quality}, inputs, msg.Joined)
			checkLevel(t, b.store.get(t, "concat/joined"), c.width, c.height, c.rate)
		})
	}
}

// Whatever an encoder makes of its bound: what a level does not allow is refused, and what misses
// the bound alone is told.
func TestABoundIsCheckedOnWhatTheEncoderMadeOfIt(t *testing.T) {
	t.Parallel()
	rate, frames := msg.FPS(24), 24
	// All but all of it is the first picture.
	one := make([]byte, 3*testWidth*testHeight)
	mediatest.Noise(1)(0, one, testWidth, testHeight)
	still := func(_ int, rgb []byte, _, _ int) { copy(rgb, one) }
	segment := mediatest.Make(t, "segment.mp4", mediatest.RawFrames(frames, testWidth, testHeight, still), append(mediatest.RawInput(rate, testWidth, testHeight),
		"-c:v", "libx264", "-pix_fmt", "yuv420p")...)
	kilobits := len(segment)*8/1000 + 1
	for name, c := range map[string]struct {
		// mends says that the encoder keeps to a bound.
		mends        bool
		rate, buffer int
		runs         int
		log, words   string
	}{
		"within":                           {false, 8 * kilobits, 8 * kilobits, 1, "", ""},
		"beyond, and then within":          {true, kilobits / 8, kilobits / 8, 2, "once more", ""},
		"beyond the bound, not the level":  {false, 2 * kilobits, 2 * kilobits, 2, "misses its bound", ""},
		"beyond the level, whatever it is": {false, kilobits / 8, kilobits / 8, 2, "once more", "more than level 4.1 allows"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, runs := t.TempDir(), 0
			var told strings.Builder
			err := encodeWithin(zerolog.New(&told), dir, fileSegment, h264Level{name: "4.1", rate: c.rate, buffer: c.buffer}, rate, frames,
				[]string{levelOption, "4.1"}, func(args []string) error {
					data := segment
					if runs++; c.mends && slices.Contains(args, "-maxrate:v") {
						data = nil
					}
					return os.WriteFile(filepath.Join(dir, fileSegment), data, 0o600)
				})
			if got := fmt.Sprint(err); (err == nil) != (c.words == "") || !strings.Contains(got, c.words) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if runs != c.runs || !strings.Contains(told.String(), c.log) || (c.log == "") != (told.Len() == 0) {
				t.Errorf("encoded %d times, want %d; told %q, want %q", runs, c.runs, told.String(), c.log)
			}
		})
	}
}

// A facecam that grows is drawn while it is read: what is encoded once more, for its noise, has it
// as well.
func TestWhatIsEncodedTwiceHasAllOfItsFacecam(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const width, height, count = 1280, 720, 14
	rate := msg.FPS(30)
	face, _ := b.probed(t, mediatest.Facecam(t, rate, count, 160, 90, nil))
	shown := usual(width, height)
	shown.Fullscreen = []msg.Moment{{From: 9, To: count, Grow: 3}}
	b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: width, Height: height, Rate: rate, Frames: count,
		Quality: output.QualityHigh, Facecam: true, Bubble: &shown}, map[string]msg.Input{
		msg.Mezzanine: b.input(t, "m", mediatest.Mezzanine(t, rate, count, width, height, mediatest.Noise(1), nil), nil), msg.FacecamFile: face,
	}, msg.Segment)
	segment := b.store.get(t, "normalize/segment")
	to := levelFor(width, height, rate).boundFor(rate.At(count))
	if most := startFill*1000*float64(to.buffer) + 1000*float64(to.rate)*count/rate.Float(); 8*float64(len(segment)) > most {
		t.Errorf("%d bits, want at most %.0f", 8*len(segment), most)
	}
	video := mediatest.Decode(t, segment, width, height)
	for n := count - 2; n < count; n++ {
		if got := mediatest.ReadGrey(video.Luma(n, width-20, 20, 8)); got != n {
			t.Errorf("frame %d shows the facecam's grey %d all over", n, got)
		}
	}
	if got := mediatest.ReadGrey(video.Luma(4, shown.X+shown.Width/2, shown.Y+shown.Height/2, 8)); got != 4 {
		t.Errorf("frame 4 shows the facecam's grey %d in the bubble", got)
	}
}

// checkLevel reads a video's level from its parameter sets, and makes sure that its packets can be
// fed to a decoder of it.
func checkLevel(t *testing.T, video []byte, width, height int, rate msg.Rate) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(file, video, 0o600); err != nil {
		t.Fatal(err)
	}
	var probed struct {
		Streams []struct {
			Profile     string
			Level, Refs int
		}
		Packets []struct {
			Size int `json:"size,string"`
		}
	}
	out := mediatest.Run(t, nil, mediatest.Tools.FFprobe, "-v", "error", "-show_entries", "stream=profile,level,refs:packet=size", "-of", "json", file)
	if err := json.Unmarshal(out, &probed); err != nil {
		t.Fatal(err)
	}
	want, s := levelFor(width, height, rate), probed.Streams[0]
	if got := fmt.Sprintf("%d.%d", s.Level/10, s.Level%10); s.Profile != "High" || got != want.name || s.Refs > framesKept {
		t.Errorf("profile %s, level %s, %d reference frames; want High, %s and at most %d", s.Profile, got, s.Refs, want.name, framesKept)
	}
	// What has not been taken out of the buffer yet is what came in beyond the rate.
	held, most, total := 0.0, 0.0, 0
	for _, p := range probed.Packets {
		held = max(0, held-1000*float64(want.rate)/rate.Float()) + 8*float64(p.Size)
		most, total = max(most, held), total+8*p.Size
	}
	t.Logf("level %s: the buffer of %d kbit needs %.0f, the mean rate is %.0f kbit/s", want.name, want.buffer, most/1000,
		float64(total)/1000*rate.Float()/float64(len(probed.Packets)))
	if most > 1000*float64(want.buffer) {
		t.Errorf("level %s has a buffer of %d kbit, the pictures need %.0f", want.name, want.buffer, most/1000)
	}
}

func TestLevelsAreInOrder(t *testing.T) {
	for i, l := range h264Levels[1:] {
		before := h264Levels[i]
		if strings.Compare(l.name, before.name) <= 0 || l.blocksPerSecond < before.blocksPerSecond || l.blocksPerFrame < before.blocksPerFrame ||
			l.blocksKept < before.blocksKept || l.rate < before.rate || l.buffer < before.buffer {
			t.Errorf("level %s holds less than %s", l.name, before.name)
		}
	}
}
