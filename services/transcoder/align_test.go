package transcoder

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// foreignSegment makes a scene as a transcoder with another encoder does. Its bars count from
// first.
func (b *bench) foreignSegment(t *testing.T, name string, rate msg.Rate, first, count int) msg.Input {
	t.Helper()
	data := mediatest.Make(t, "other.mp4", mediatest.RawFrames(count, testWidth, testHeight, func(n int, rgb []byte, w, h int) { mediatest.Bars(first+n, rgb, w, h) }),
		append(mediatest.RawInput(rate, testWidth, testHeight), "-vf", "scale=out_color_matrix=bt709:out_range=tv",
			"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-video_track_timescale", "24000",
			"-color_range", "tv", "-colorspace", "bt709")...)
	return b.input(t, name, data, msg.VideoFacts{Frames: count, Bytes: int64(len(data)), Parameters: "SHA256:another"})
}

// Segments of another encoder are encoded once more, those of this transcoder are not.
func TestATranscodersOwnSegmentsAreNotEncodedOnceMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const each = 12
	rate, lengths := msg.FPS(24), []int{each, each, each}
	own := b.segmentsOf(t, rate, lengths)
	decoded := map[string][][]byte{}
	shown := func(key string) [][]byte {
		if decoded[key] == nil {
			decoded[key] = mediatest.Decode(t, b.store.get(t, key), testWidth, testHeight).Frames
		}
		return decoded[key]
	}
	// o is a segment of this transcoder, f one of another.
	for _, made := range []string{"ffo", "off"} {
		inputs := maps.Clone(own)
		for i, who := range made {
			if name := msg.SegmentName(i); who == 'f' {
				inputs[name] = b.foreignSegment(t, name+" of another", rate, each*i, each)
			}
		}
		facts := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true},
			inputs, outputsOfVideo...).(msg.VideoFacts)
		if !strings.HasPrefix(facts.Parameters, "SHA256:") || facts.Parameters == "SHA256:another" {
			t.Errorf("%s: parameter sets are %s", made, facts.Parameters)
		}
		video := b.store.get(t, "concat/video")
		checkTiming(t, video, rate, sum(lengths))
		joined := mediatest.Decode(t, video, testWidth, testHeight)
		for n := range joined.Frames {
			if got := joined.ReadBars(n); got != n {
				t.Errorf("%s: frame %d shows %d", made, n, got)
			}
		}
		for i, who := range made {
			same := slices.EqualFunc(shown(inputs[msg.SegmentName(i)].Key), joined.Frames[each*i:each*(i+1)], bytes.Equal)
			if same != (who == 'o') {
				t.Errorf("%s: the pictures of segment %d are the same as before: %v", made, i, same)
			}
		}
	}
}
