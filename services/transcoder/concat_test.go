package transcoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// segmentsOf encodes scenes of the given lengths, whose bars count on from one scene to the next,
// and returns them as concat's inputs.
func (b *bench) segmentsOf(t *testing.T, rate msg.Rate, lengths []int) map[string]msg.Input {
	t.Helper()
	inputs := map[string]msg.Input{}
	first := 0
	for i, length := range lengths {
		start := first
		v := once(t, fmt.Sprint("segment ", rate, start, length), func() (data []byte, facts any) {
			paint := func(n int, rgb []byte, width, height int) { mediatest.Bars(start+n, rgb, width, height) }
			scene := mediatest.Mezzanine(t, rate, length, testWidth, testHeight, paint, nil)
			facts = b.must(t, msg.Normalize,
				msg.NormalizeParams{Scene: i + 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: length},
				map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment)
			return b.store.get(t, "normalize/segment"), facts
		})
		name := msg.SegmentName(i)
		inputs[name] = b.input(t, name, v.data, v.facts)
		first += length
	}
	return inputs
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

func checkTiming(t *testing.T, data []byte, rate msg.Rate, frames int) {
	t.Helper()
	_, perFrame := rate.Timescale()
	got := mediatest.Timing(t, data, 0)
	if got.Packets != frames || got.First != 0 || got.Uneven != -1 || got.Gap != int64(perFrame) || got.End != int64(frames*perFrame) {
		t.Errorf("timing %+v, want %d frames of %d ticks from 0", got, frames, perFrame)
	}
}

func TestJoinedSegmentsAreOneEvenVideo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, rate := range testRates {
		t.Run(rate.String(), func(t *testing.T) {
			lengths := []int{21, 12, 27}
			facts := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths},
				b.segmentsOf(t, rate, lengths), msg.Joined).(msg.VideoFacts)
			joined := b.store.get(t, "concat/joined")
			if facts.Frames != sum(lengths) || facts.Sound {
				t.Errorf("facts %+v", facts)
			}
			checkTiming(t, joined, rate, sum(lengths))
			video := mediatest.Decode(t, joined, testWidth, testHeight)
			if len(video.Frames) != sum(lengths) {
				t.Fatalf("%d frames, want %d", len(video.Frames), sum(lengths))
			}
			for n := range video.Frames {
				if got := video.ReadBars(n); got != n {
					t.Errorf("frame %d shows %d", n, got)
				}
			}
		})
	}
}

func TestFortySegmentsDoNotDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, rate := range []msg.Rate{msg.FPS(60), {Num: 30000, Den: 1001}} {
		t.Run(rate.String(), func(t *testing.T) {
			// Four segments, ten times each: the test is of the join.
			made := b.segmentsOf(t, rate, []int{31, 29, 37, 33})
			inputs := map[string]msg.Input{}
			var lengths []int
			for i := range 40 {
				inputs[fmt.Sprintf("segment-%04d", i+1)] = made[fmt.Sprintf("segment-%04d", i%4)]
				lengths = append(lengths, []int{31, 29, 37, 33}[i%4])
			}
			b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths}, inputs, msg.Joined)
			checkTiming(t, b.store.get(t, "concat/joined"), rate, sum(lengths))
		})
	}
}

func TestAMissingFrameIsFoundAfterTheJoin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	inputs := b.segmentsOf(t, msg.FPS(24), []int{24, 24})
	_, err := b.run(t, msg.Concat,
		msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: []int{24, 25}}, inputs, msg.Joined)
	if err == nil || !strings.Contains(err.Error(), "48 frames, want 49") {
		t.Errorf("error %v, want one about 48 frames", err)
	}
}

func TestWithoutAFacecamConcatFinishesTheVideo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{24, 48}
	b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true},
		b.segmentsOf(t, rate, lengths), outputsOfVideo...)
	video := b.store.get(t, "concat/video")
	checkTiming(t, video, rate, sum(lengths))
	checkMoovFirst(t, video)
	checkThumbnail(t, b.store.get(t, "concat/thumbnail"))
}

// checkMoovFirst makes sure that a video can be played while it is being downloaded.
func checkMoovFirst(t *testing.T, data []byte) {
	t.Helper()
	for len(data) >= 8 {
		size, kind := binary.BigEndian.Uint32(data), string(data[4:8])
		switch kind {
		case "moov":
			return
		case "mdat":
			t.Error("mdat comes before moov")
			return
		}
		data = data[min(int(size), len(data)):]
	}
	t.Error("no moov")
}

func checkThumbnail(t *testing.T, data []byte) {
	t.Helper()
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("thumbnail: %v", err)
	}
	if cfg.Width != testWidth || cfg.Height != testHeight {
		t.Errorf("thumbnail of %d × %d", cfg.Width, cfg.Height)
	}
}

func TestAThumbnailIsNotBlank(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	// White except for the last third.
	paint := func(n int, rgb []byte, width, height int) {
		if n > 60 {
			mediatest.Bars(0b0101010101, rgb, width, height)
			return
		}
		for i := range rgb {
			rgb[i] = 255
		}
	}
	scene := mediatest.Mezzanine(t, rate, 96, testWidth, testHeight, paint, nil)
	facts := b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: 96},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil)}, msg.Segment)
	b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{96}, Final: true},
		map[string]msg.Input{"segment-0001": b.input(t, "s", b.store.get(t, "normalize/segment"), facts)}, outputsOfVideo...)
	img, err := jpeg.Decode(bytes.NewReader(b.store.get(t, "concat/thumbnail")))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(testWidth/10+testWidth/20, testHeight/4).RGBA(); r>>8 > 40 {
		t.Errorf("the thumbnail has brightness %d where a black bar should be", r>>8)
	}
}

func TestSegmentsCanBeJoinedWhateverTheyShow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	face, _ := b.probed(t, mediatest.Facecam(t, rate, 24, 160, 120, nil))
	still := func(_ int, rgb []byte, width, height int) { mediatest.Bars(7, rgb, width, height) }
	var want string
	for _, test := range []struct {
		name            string
		paint           mediatest.Picture
		frames, threads int
		facecam         bool
	}{
		{"moving", mediatest.Bars, 30, 2, false},
		{"still", still, 30, 2, false},
		{"noise", mediatest.Noise(1), 30, 2, false},
		{"with a bubble", mediatest.Bars, 30, 2, true},
		{"a single frame", still, 1, 2, false},
		{"other threads", mediatest.Bars, 30, 7, false},
	} {
		b.threads = test.threads
		scene := mediatest.Mezzanine(t, rate, test.frames, testWidth, testHeight, test.paint, nil)
		facts := b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: test.frames, Facecam: test.facecam,
		}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment).(msg.VideoFacts)
		if want == "" {
			want = facts.Parameters
		}
		if facts.Parameters != want || want == "" {
			t.Errorf("%s: parameter sets %s, want %s", test.name, facts.Parameters, want)
		}
	}
}
