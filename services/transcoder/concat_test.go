package transcoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/jpeg"
	"math"
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

// Each frame of the scenes and of the facecam is shown once, at every rate, in segments and in what
// is joined of them. Forty segments do not drift.
func TestJoinedSegmentsAreOneEvenVideo(t *testing.T) {
	t.Parallel()
	for _, rate := range []msg.Rate{
		msg.FPS(1), {Num: 25, Den: 2}, {Num: 24000, Den: 1001}, msg.FPS(24), {Num: 30000, Den: 1001}, {Num: 60000, Den: 1001}, msg.FPS(60), msg.FPS(120),
	} {
		t.Run(rate.String(), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			const shown = 65 // frames of the facecam
			face, facts := b.probed(t, mediatest.Facecam(t, rate, shown, 200, 160, nil))
			if facts.AudioStream != -1 || facts.Width != 200 || facts.Height != 160 {
				t.Errorf("facts %+v", facts)
			}
			// The facecam's frame that the first of a segment's shows; -1 for a segment without it.
			lengths, firsts := []int{21, 75, 25}, []int{0, -1, 50}
			inputs, start := map[string]msg.Input{}, 0
			for i, length := range lengths {
				from := start
				scene := mediatest.Mezzanine(t, rate, length, testWidth, testHeight, func(n int, rgb []byte, w, h int) { mediatest.Bars(from+n, rgb, w, h) }, nil)
				facts := b.must(t, msg.Normalize, msg.NormalizeParams{
					Scene: i + 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: length, FirstFrame: max(0, firsts[i]), Facecam: firsts[i] >= 0,
				}, map[string]msg.Input{
					msg.Mezzanine: b.input(t, "m", scene, msg.RecordFacts{}), msg.FacecamFile: face,
				}, msg.Segment).(msg.VideoFacts)
				data, name := b.store.get(t, "normalize/segment"), msg.SegmentName(i)
				if facts.Frames != length || facts.Sound || facts.Parameters == "" || facts.Bytes != int64(len(data)) {
					t.Errorf("facts of segment %d: %+v", i, facts)
				}
				inputs[name] = b.input(t, name, data, facts)
				start += length
			}
			joined := b.join(t, rate, lengths, inputs)
			video, place, n := mediatest.Decode(t, joined, testWidth, testHeight), usual(testWidth, testHeight), 0
			if len(video.Frames) != sum(lengths) {
				t.Fatalf("%d frames, want %d", len(video.Frames), sum(lengths))
			}
			for i, length := range lengths {
				for k := range length {
					if got := video.ReadBars(n); got != n {
						t.Errorf("frame %d shows %d", n, got)
					}
					luma, facecam := video.Luma(n, place.X+place.Width/2, place.Y+place.Height/2, 6), firsts[i]+k
					if firsts[i] < 0 || facecam >= shown {
						if want := 126.0; math.Abs(luma-want) > 3 {
							t.Errorf("frame %d, without the facecam: brightness %.0f, want the scene's %.0f", n, luma, want)
						}
					} else if got := mediatest.ReadGrey(luma); got != facecam%20 {
						t.Errorf("frame %d shows facecam grey %d, want %d", n, got, facecam%20)
					}
					n++
				}
			}
			if rate != msg.FPS(60) && rate != (msg.Rate{Num: 30000, Den: 1001}) {
				return
			}
			many, frames := map[string]msg.Input{}, []int(nil)
			for i := range 40 {
				many[msg.SegmentName(i)] = inputs[msg.SegmentName(i%len(lengths))]
				frames = append(frames, lengths[i%len(lengths)])
			}
			b.join(t, rate, frames, many)
		})
	}
}

// join joins segments of the given lengths, and checks the times of all frames.
func (b *bench) join(t *testing.T, rate msg.Rate, lengths []int, segments map[string]msg.Input) []byte {
	t.Helper()
	facts := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths}, segments, msg.Joined).(msg.VideoFacts)
	if facts.Frames != sum(lengths) || facts.Sound {
		t.Errorf("facts of %d segments: %+v", len(lengths), facts)
	}
	data := b.store.get(t, "concat/joined")
	checkTiming(t, data, rate, sum(lengths))
	return data
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
