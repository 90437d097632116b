package transcoder

import (
	"bytes"
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

func TestATranscodersOwnSegmentsAreNotEncodedOnceMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	// o is a segment of this transcoder, f one of another.
	for _, made := range []string{"foo", "ffo", "oof"} {
		inputs := b.segmentsOf(t, rate, []int{24, 24, 24})
		for i, who := range made {
			if name := msg.SegmentName(i); who == 'f' {
				inputs[name] = b.foreignSegment(t, name, rate, 24*i, 24)
			}
		}
		facts := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{24, 24, 24}},
			inputs, msg.Joined).(msg.VideoFacts)
		if !strings.HasPrefix(facts.Parameters, "SHA256:") || facts.Parameters == "SHA256:another" {
			t.Errorf("%s: parameter sets are %s", made, facts.Parameters)
		}
		joined := mediatest.Decode(t, b.store.get(t, "concat/joined"), testWidth, testHeight)
		for i, who := range made {
			before := mediatest.Decode(t, b.store.get(t, msg.SegmentName(i)), testWidth, testHeight)
			same := slices.EqualFunc(before.Frames, joined.Frames[24*i:24*i+24], bytes.Equal)
			if same != (who == 'o') {
				t.Errorf("%s: the pictures of segment %d are the same as before: %v", made, i, same)
			}
		}
	}
}
