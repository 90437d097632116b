package transcoder

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// A still page stands still in the video, though every other second begins with a keyframe and a
// scene is encoded in pieces.
func TestAStillSceneStandsStillAtKeyframesAndJoins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const width, height = 640, 360
	const (
		most = 6  // by how much a pixel may change
		psnr = 65 // how close all of them must stay, in dB
	)
	for _, c := range []struct {
		quality string
		rate    msg.Rate
	}{
		{output.QualityDraft, msg.FPS(30)}, {output.QualityStandard, msg.FPS(30)}, {output.QualityHigh, msg.FPS(30)},
		{output.QualityDraft, msg.FPS(10)}, {output.QualityStandard, msg.FPS(10)}, {output.QualityHigh, msg.FPS(10)},
	} {
		t.Run(fmt.Sprint(c.quality, " at ", c.rate), func(t *testing.T) {
			quality, rate, gop := c.quality, c.rate, c.rate.GOP()
			pieces := []int{2 * gop, gop + gop/2} // a keyframe in each, and a join
			inputs := map[string]msg.Input{}
			for i, frames := range pieces {
				mov := mediatest.Mezzanine(t, rate, frames, width, height, mediatest.Page, func(n int) bool { return n == 0 })
				facts := b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: width, Height: height, Rate: rate, Frames: frames, Quality: quality},
					map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mov, nil)}, msg.Segment)
				name := msg.SegmentName(i)
				inputs[name] = b.input(t, name, b.store.get(t, "normalize/segment"), facts)
			}
			b.must(t, msg.Concat, msg.ConcatParams{Width: width, Height: height, Rate: rate, Frames: pieces, Quality: quality}, inputs, msg.Joined)
			video := mediatest.Decode(t, b.store.get(t, "concat/joined"), width, height)
			if len(video.Frames) != sum(pieces) {
				t.Fatalf("%d frames, want %d", len(video.Frames), sum(pieces))
			}
			step, least, where := 0.0, math.Inf(1), 0
			for n := 1; n < len(video.Frames); n++ {
				change, similar := compare(video.Frames[n-1], video.Frames[n])
				if change > most || similar < psnr {
					t.Errorf("frame %d differs from the one before by up to %.0f of 255, PSNR %.1f dB", n, change, similar)
				}
				if similar < least {
					step, least, where = change, similar, n
				}
			}
			change, similar := compare(video.Frames[0], video.Frames[len(video.Frames)-1])
			t.Logf("the least like step is %.0f of 255, PSNR %.1f dB, at frame %d; from first to last %.0f, %.1f dB", step, least, where, change, similar)
			if change > most || similar < psnr-3 {
				t.Errorf("the last frame differs from the first by up to %.0f of 255, PSNR %.1f dB", change, similar)
			}
		})
	}
}

// compare returns by how much two pictures differ at most, and how close they are in dB.
func compare(a, b []byte) (most, psnr float64) {
	if bytes.Equal(a, b) {
		return 0, math.Inf(1)
	}
	var squares float64
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		most, squares = max(most, d), squares+d*d
	}
	return most, 10 * math.Log10(255*255*float64(len(a))/squares)
}
