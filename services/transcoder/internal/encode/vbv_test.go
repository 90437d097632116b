package encode

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"
	mp4ff "github.com/Eyevinn/mp4ff/mp4"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
)

// newEncoder returns an encoder whose folder has the given files, and what it logs.
func newEncoder(t *testing.T, files map[string][]byte) (e Encoder, log *strings.Builder) {
	t.Helper()
	mediatest.NeedFFmpeg(t)
	log = new(strings.Builder)
	e = Encoder{Tools: mediatest.Tools, Log: zerolog.New(log), Dir: t.TempDir(), Threads: 2}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(e.Dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e, log
}

// encodedTwice encodes a segment. It returns its path, and whether that took two encodes.
func (e Encoder) encodedTwice(t *testing.T, log *strings.Builder, p msg.NormalizeParams, face *picture.Bubble) (path string, twice bool) {
	t.Helper()
	if err := e.Segment(t.Context(), p, face, nil); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(e.Dir, SegmentFile), strings.Contains(log.String(), "once more")
}

// track returns a segment's picture.
func track(t *testing.T, path string) mp4.Track {
	t.Helper()
	tracks, err := mp4.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return tracks[0]
}

// A decoder is fed at the level's rate through the level's buffer. No picture may come later than
// it is due, whatever pages show, and whatever was before a join.
func TestNoiseStaysWithinItsLevel(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	for _, c := range []struct {
		width, height int
		rate          msg.Rate
		quality       string
		frames        []int
	}{
		{640, 360, msg.FPS(60), output.QualityHigh, []int{14, 6, 6}},
		{960, 540, msg.FPS(60), output.QualityDraft, []int{8}},
	} {
		t.Run(fmt.Sprintf("%dx%d at %s, %s", c.width, c.height, c.rate, c.quality), func(t *testing.T) {
			t.Parallel()
			p := msg.NormalizeParams{Scene: 1, Width: c.width, Height: c.height, Rate: c.rate, Frames: 1, Quality: c.quality}
			encode := func(paint mediatest.Picture) (path string, twice bool) {
				e, log := newEncoder(t, map[string][]byte{
					picture.MezzanineFile: mediatest.Mezzanine(t, c.rate, p.Frames, c.width, c.height, paint, nil),
				})
				return e.encodedTwice(t, log, p, nil)
			}
			still, twice := encode(mediatest.Bars)
			if twice {
				t.Error("a still picture was encoded twice")
			}
			parameters := track(t, still).Parameters
			var sizes []int64 // of all packets, as if the segments were joined
			for i, frames := range c.frames {
				p.Frames = frames
				path, twice := encode(mediatest.Noise(uint64(i)))
				if !twice {
					t.Errorf("segment %d was encoded once: it is not noise enough for this test", i)
				}
				made := track(t, path)
				sizes = append(sizes, made.Sizes...)
				if made.Parameters != parameters {
					t.Errorf("with VBV the parameter sets are %s, without %s", made.Parameters, parameters)
				}
			}
			checkLevel(t, still, c.width, c.height, c.rate) // all have its parameter sets
			checkBuffer(t, sizes, c.width, c.height, c.rate)
		})
	}
}

// checkLevel makes sure that a video says that it has the level of its size and rate.
func checkLevel(t *testing.T, path string, width, height int, rate msg.Rate) {
	t.Helper()
	file, err := mp4ff.ReadMP4File(path)
	if err != nil {
		t.Fatal(err)
	}
	set, err := avc.ParseSPSNALUnit(file.Moov.Trak.Mdia.Minf.Stbl.Stsd.AvcX.AvcC.SPSnalus[0], true)
	if err != nil {
		t.Fatal(err)
	}
	const high = 100
	want := levelFor(width, height, rate)
	if got := fmt.Sprintf("%d.%d", set.Level/10, set.Level%10); set.Profile != high || got != want.name || set.NumRefFrames > framesKept {
		t.Errorf("profile %d, level %s, %d reference frames; want %d, %s and at most %d", set.Profile, got, set.NumRefFrames, high, want.name, framesKept)
	}
}

// checkBuffer makes sure that packets can be fed to a decoder of the level.
func checkBuffer(t *testing.T, sizes []int64, width, height int, rate msg.Rate) {
	t.Helper()
	// The buffer holds the bits that exceed the rate so far.
	want := levelFor(width, height, rate)
	held, most, total := 0.0, 0.0, int64(0)
	for _, size := range sizes {
		held = max(0, held-1000*float64(want.rate)/rate.Float()) + 8*float64(size)
		most, total = max(most, held), total+8*size
	}
	t.Logf("level %s: the buffer of %d kbit needs %.0f, the mean rate is %.0f kbit/s", want.name, want.buffer, most/1000,
		float64(total)/1000*rate.Float()/float64(len(sizes)))
	if most > 1000*float64(want.buffer) {
		t.Errorf("level %s has a buffer of %d kbit, the pictures need %.0f", want.name, want.buffer, most/1000)
	}
}

// Whatever the encoder makes with VBV on, a segment beyond its level is refused, and one beyond
// only its bound is logged.
func TestTheBoundIsCheckedOnWhatTheEncoderMade(t *testing.T) {
	t.Parallel()
	const width, height = 320, 180
	rate, frames := msg.FPS(24), 24
	// Almost all of it is the first picture.
	one := make([]byte, 3*width*height)
	mediatest.Noise(1)(0, one, width, height)
	still := func(_ int, rgb []byte, _, _ int) { copy(rgb, one) }
	segment := mediatest.Make(t, "segment.mp4", mediatest.RawFrames(frames, width, height, still), append(mediatest.RawInput(rate, width, height),
		"-c:v", "libx264", "-pix_fmt", "yuv420p")...)
	kilobits := len(segment)*8/1000 + 1
	for name, c := range map[string]struct {
		// obeys says that the encoder keeps to its bound.
		obeys        bool
		rate, buffer int
		runs         int
		log, words   string
	}{
		"within":                           {false, 8 * kilobits, 8 * kilobits, 1, "", ""},
		"beyond, and then within":          {true, kilobits / 8, kilobits / 8, 2, "once more", ""},
		"beyond the bound, not the level":  {false, 2 * kilobits, 2 * kilobits, 2, "beyond its VBV bound", ""},
		"beyond the level, whatever it is": {false, kilobits / 8, kilobits / 8, 2, "once more", "more than level 4.1 allows"},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			var log strings.Builder
			e := Encoder{Log: zerolog.New(&log), Dir: t.TempDir()}
			err := e.withinLevel(SegmentFile, level{name: "4.1", rate: c.rate, buffer: c.buffer}, rate, frames,
				[]string{levelOption, "4.1"}, func(args []string) error {
					data := segment
					if runs++; c.obeys && slices.Contains(args, "-maxrate:v") {
						data = nil
					}
					return os.WriteFile(filepath.Join(e.Dir, SegmentFile), data, 0o600)
				})
			if got := fmt.Sprint(err); (err == nil) != (c.words == "") || !strings.Contains(got, c.words) {
				t.Errorf("error %v, want %q", err, c.words)
			}
			if runs != c.runs || !strings.Contains(log.String(), c.log) || (c.log == "") != (log.Len() == 0) {
				t.Errorf("encoded %d times, want %d; logged %q, want %q", runs, c.runs, log.String(), c.log)
			}
		})
	}
}

// The pictures of a bubble that grows are drawn while ffmpeg reads them: a second encode needs them
// again.
func TestWhatIsEncodedTwiceHasAllOfItsFacecam(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	const width, height, count = 640, 360, 14
	rate := msg.FPS(60)
	e, log := newEncoder(t, map[string][]byte{
		picture.MezzanineFile: mediatest.Mezzanine(t, rate, count, width, height, mediatest.Noise(1), nil),
		facecam.File:          mediatest.Facecam(t, rate, count, 160, 90, nil),
	})
	file, err := facecam.Inspect(t.Context(), e.Tools, e.Dir)
	if err != nil {
		t.Fatal(err)
	}
	source, err := facecam.PictureAt(file, msg.ProbeFacts{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	face := &picture.Bubble{Picture: source, Place: *bubble.Or(nil, width, height, rate)}
	face.Place.Fullscreen = []msg.Moment{{From: 9, To: count, Grow: 3}}
	if err := face.Prepare(e.Dir, nil); err != nil {
		t.Fatal(err)
	}
	path, twice := e.encodedTwice(t, log, msg.NormalizeParams{
		Scene: 1, Width: width, Height: height, Rate: rate, Frames: count, Quality: output.QualityHigh, Facecam: true,
	}, face)
	if !twice {
		t.Error("it was encoded once: it is not noise enough for this test")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bound := levelFor(width, height, rate).vbvFor(rate.At(count))
	if most := startFill*1000*float64(bound.buffer) + 1000*float64(bound.rate)*count/rate.Float(); 8*float64(len(data)) > most {
		t.Errorf("%d bits, want at most %.0f", 8*len(data), most)
	}
	video := mediatest.Decode(t, data, width, height)
	for n := count - 2; n < count; n++ {
		if got := mediatest.ReadGrey(video.Luma(n, width-20, 20, 8)); got != n {
			t.Errorf("frame %d shows the facecam's grey %d all over", n, got)
		}
	}
	place := face.Place
	if got := mediatest.ReadGrey(video.Luma(4, place.X+place.Width/2, place.Y+place.Height/2, 8)); got != 4 {
		t.Errorf("frame 4 shows the facecam's grey %d in the bubble", got)
	}
}
