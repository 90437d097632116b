package transcoder

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// outputsOfVideo are what a finished video's task writes.
var outputsOfVideo = []string{msg.Video, msg.Thumbnail, msg.ThumbnailSmall}

// solid paints all of the picture in one grey.
func solid(grey byte) picture {
	return func(_ int, rgb []byte, _, _ int) { copy(rgb, bytes.Repeat([]byte{grey}, len(rgb))) }
}

func TestAFinishedVideoHasAReport(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{48, 30}
	facts := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true},
		b.segmentsOf(t, rate, lengths), outputsOfVideo...).(msg.VideoFacts)
	r := facts.Report
	if r == nil {
		t.Fatal("it has none")
	}
	if r.Frames != 78 || r.DurationSeconds != 3.25 || r.Bytes != facts.Bytes || r.Width != testWidth || r.Height != testHeight || r.Rate != rate ||
		r.Codec != "h264" || r.PixelFormat != "yuv420p" || r.ColorSpace != "bt709" || r.ColorRange != "tv" || !r.FastStart || r.Sound != nil {
		t.Errorf("the report is %+v", r)
	}
	if r.Compared != 4 || r.Difference > sameLook {
		t.Errorf("%d frames were compared, and differ by %v", r.Compared, r.Difference)
	}
	if len(facts.Looks) > 0 {
		t.Error("a finished video's facts still hold looks")
	}
}

func TestStretchesThatAreBlackOrStillAreReported(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	inputs := map[string]msg.Input{}
	for i, paint := range []picture{bars, solid(0), solid(128)} {
		scene := mezzanine(t, msg.FPS(24), 60, testWidth, testHeight, paint, nil)
		facts := b.must(t, msg.Normalize,
			msg.NormalizeParams{Scene: i + 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 60},
			map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment)
		inputs[msg.SegmentName(i)] = b.input(t, msg.SegmentName(i), b.store.get(t, "normalize/segment"), facts)
	}
	facts := b.must(t, msg.Concat,
		msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: []int{60, 60, 60}, Final: true},
		inputs, outputsOfVideo...).(msg.VideoFacts)
	if got, want := fmt.Sprint(facts.Report.Black), "[{2.5 5}]"; got != want {
		t.Errorf("black are %s, want %s", got, want)
	}
	// The first frame of a scene differs from the one before.
	if got, want := fmt.Sprint(facts.Report.Still), "[{2.542 5} {5.042 7.5}]"; got != want {
		t.Errorf("still are %s, want %s", got, want)
	}
}

// What is not what was encoded never gets to be seen.
func TestAVideoOfOtherPicturesIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{24, 24}
	inputs := b.segmentsOf(t, rate, lengths)
	black := mezzanine(t, rate, 24, testWidth, testHeight, solid(0), nil)
	b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: 24},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", black, nil)}, msg.Segment)
	good := b.store.get(t, msg.SegmentName(1))
	for name, bad := range map[string][]byte{
		"black":              b.store.get(t, "normalize/segment"),
		"another's pictures": b.store.get(t, msg.SegmentName(0)),
	} {
		b.store.put(msg.SegmentName(1), bad)
		_, err := b.run(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true},
			inputs, outputsOfVideo...)
		if err == nil || !strings.Contains(err.Error(), "is not what was encoded") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.store.put(msg.SegmentName(1), good)
}

func TestAVideoThatCannotBeDecodedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{24, 24}
	inputs := b.segmentsOf(t, rate, lengths)
	data := bytes.Clone(b.store.get(t, msg.SegmentName(1)))
	at := bytes.Index(data, []byte("mdat"))
	for i := at + 1200; i < at+1600 && i < len(data); i++ {
		data[i] ^= 0xa5
	}
	b.store.put(msg.SegmentName(1), data)
	_, err := b.run(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true},
		inputs, outputsOfVideo...)
	if err == nil {
		t.Error("it is taken")
	}
}

func TestSegmentsOfAnotherEncoderAreEncodedOnceMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	for _, foreign := range []int{0, 1} {
		inputs := b.segmentsOf(t, rate, []int{24, 24, 24})
		name := msg.SegmentName(foreign)
		first := 24 * foreign
		other := makeFile(t, "other.mp4", rawFrames(24, testWidth, testHeight, func(n int, rgb []byte, w, h int) { bars(first+n, rgb, w, h) }),
			append(rawInput(rate, testWidth, testHeight), "-vf", "scale=out_color_matrix=bt709:out_range=tv",
				"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-video_track_timescale", "24000",
				"-color_range", "tv", "-colorspace", "bt709")...)
		inputs[name] = b.input(t, name, other, msg.VideoFacts{Frames: 24, Bytes: int64(len(other)), Parameters: "SHA256:another"})
		facts := b.must(t, msg.Concat,
			msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{24, 24, 24}, Final: true},
			inputs, outputsOfVideo...).(msg.VideoFacts)
		video := b.store.get(t, "concat/video")
		checkTiming(t, video, rate, 72)
		decoded := decode(t, video, testWidth, testHeight)
		for n := range decoded.frames {
			if got := decoded.readBars(n); got != n {
				t.Errorf("segment %d foreign: frame %d shows %d", foreign, n, got)
			}
		}
		if facts.Parameters == "" || facts.Parameters == "SHA256:another" {
			t.Errorf("parameter sets are %s", facts.Parameters)
		}
	}
}
