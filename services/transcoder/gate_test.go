package transcoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// outputsOfVideo are what a finished video's task writes.
var outputsOfVideo = []string{msg.Video, msg.Thumbnail, msg.ThumbnailSmall}

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
		r.Codec != "h264" || r.PixelFormat != "yuv420p" || r.ColorSpace != "bt709" || r.ColorPrimaries != "bt709" || r.ColorTransfer != "bt709" || r.ColorRange != "tv" || !r.FastStart || r.Sound != nil {
		t.Errorf("the report is %+v", r)
	}
	if r.Compared != 4 || r.Difference > 4 {
		t.Errorf("%d frames were compared, and differ by %v", r.Compared, r.Difference)
	}
	if r.CPUSeconds <= 0 {
		t.Error("to read the video took no CPU time")
	}
	if len(facts.Fingerprints) > 0 {
		t.Error("a finished video's facts still hold fingerprints")
	}
}

func TestStretchesThatAreBlackOrStillAreReported(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	inputs := map[string]msg.Input{}
	for i, paint := range []mediatest.Picture{mediatest.Bars, mediatest.Solid(0), mediatest.Solid(128)} {
		scene := mediatest.Mezzanine(t, msg.FPS(24), 60, testWidth, testHeight, paint, nil)
		facts := b.must(t, msg.Normalize,
			msg.NormalizeParams{Scene: i + 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 60},
			map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment)
		inputs[msg.SegmentName(i)] = b.input(t, msg.SegmentName(i), b.store.get(t, "normalize/segment"), facts)
	}
	facts := b.must(t, msg.Concat,
		msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: []int{60, 60, 60}, Final: true, ThumbnailAt: new(float64)},
		inputs, outputsOfVideo...).(msg.VideoFacts)
	if got, want := fmt.Sprint(facts.Report.Black), "[{2.5 5}]"; got != want {
		t.Errorf("black are %s, want %s", got, want)
	}
	// The first frame of a scene differs from the one before.
	if got, want := fmt.Sprint(facts.Report.Still), "[{2.542 5} {5.042 7.5}]"; got != want {
		t.Errorf("still are %s, want %s", got, want)
	}
}

func TestAVideoOfOtherPicturesIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{24, 24}
	inputs := b.segmentsOf(t, rate, lengths)
	black := mediatest.Mezzanine(t, rate, 24, testWidth, testHeight, mediatest.Solid(0), nil)
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

// Only a stretch in the middle of a segment is wrong, as if an encoder or a disk had lost it.
func TestAStretchThatTheSourceDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const count = 96
	rate := msg.FPS(24)
	segment := func(paint mediatest.Picture) ([]byte, msg.VideoFacts) {
		scene := mediatest.Mezzanine(t, rate, count, testWidth, testHeight, paint, nil)
		facts := b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
			map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment).(msg.VideoFacts)
		return b.store.get(t, "normalize/segment"), facts
	}
	join := func(data []byte, facts msg.VideoFacts) error {
		_, err := b.run(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{count}, Final: true, ThumbnailAt: new(float64)},
			map[string]msg.Input{msg.SegmentName(0): b.input(t, "s", data, facts)}, outputsOfVideo...)
		return err
	}
	good, facts := segment(mediatest.Greys)
	if err := join(good, facts); err != nil {
		t.Fatal(err)
	}
	for name, paint := range map[string]mediatest.Picture{
		"black": func(n int, rgb []byte, width, height int) {
			if n < 32 || n > 58 {
				mediatest.Greys(n, rgb, width, height)
			}
		},
		"still": func(n int, rgb []byte, width, height int) {
			if n > 31 && n < 59 {
				n = 31
			}
			mediatest.Greys(n, rgb, width, height)
		},
	} {
		bad, _ := segment(paint)
		if err := join(bad, facts); err == nil || !strings.Contains(err.Error(), "not what was encoded") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAVideoThatCannotBeDecodedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{24, 24}
	inputs := b.segmentsOf(t, rate, lengths)
	data := bytes.Clone(b.store.get(t, msg.SegmentName(1)))
	next := func(from []byte) (unit, rest []byte) {
		length := binary.BigEndian.Uint32(from)
		return from[4 : 4+length], from[4+length:]
	}
	_, media, _ := bytes.Cut(data, []byte("mdat"))
	_, media = next(media) // x264's description of itself
	keyframe, _ := next(media)
	for i := len(keyframe) / 4; i < len(keyframe)/2; i++ {
		keyframe[i] ^= 0xa5
	}
	b.store.put(msg.SegmentName(1), data)
	_, err := b.run(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true},
		inputs, outputsOfVideo...)
	if err == nil || !strings.Contains(err.Error(), "it cannot be decoded") {
		t.Errorf("it ends with %v", err)
	}
}
