package transcoder

import (
	"math"
	"slices"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
)

// A steady tone over short scenes: a cut is not heard, at whatever sample it is.
func TestTheSoundDoesNotClickAtCuts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const tone = 330. // hertz
	rate, lengths := msg.Rate{Num: 30000, Den: 1001}, []int{17, 23, 31}
	total := sum(lengths)
	face, _ := b.probed(t, mediatest.Facecam(t, rate, total, 160, 120,
		mediatest.PCM(rate.At(total), func(s float64) float64 { return 0.5 * math.Sin(2*math.Pi*tone*s) }), "-c:a", "aac", "-ar", "44100", "-b:a", "192k"))
	segments, cuts, first := map[string]msg.Input{}, []int{}, 0
	for i, frames := range lengths {
		facts := b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: i + 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: frames, FirstFrame: first, Facecam: true,
		}, map[string]msg.Input{
			msg.Mezzanine:   b.input(t, "m", mediatest.Mezzanine(t, rate, frames, testWidth, testHeight, mediatest.Bars, nil), nil),
			msg.FacecamFile: face,
		}, msg.Segment)
		name := msg.SegmentName(i)
		segments[name] = b.input(t, name, b.store.get(t, "normalize/segment"), facts)
		if first > 0 {
			cuts = append(cuts, int(sound.Samples(rate, first)))
		}
		first += frames
	}
	joined := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths}, segments, msg.Joined)
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: total}, map[string]msg.Input{
		msg.Joined: b.input(t, "joined", b.store.get(t, "concat/joined"), joined), msg.FacecamFile: face,
	}, outputsOfVideo...)
	sound := hear(t, b.store.get(t, "overlay/video"))[:sound.Samples(rate, total)]
	at, elsewhere := clicks(sound, tone, cuts)
	t.Logf("what is not the tone is %.5f at cuts, %.5f elsewhere", at, elsewhere)
	if most := 2 * elsewhere; at > most {
		t.Errorf("what is not the tone is %.5f at cuts, %.5f elsewhere", at, elsewhere)
	}
	// The same check finds a lost sample, or a quarter of a millisecond of silence, at each cut.
	for _, cut := range cuts {
		silent := slices.Clone(sound)
		clear(silent[cut : cut+12])
		for name, bad := range map[string][]float64{"lost": slices.Delete(slices.Clone(sound), cut, cut+1), "silent": silent} {
			if at, elsewhere := clicks(bad, tone, cuts); at <= 2*elsewhere {
				t.Errorf("%s at sample %d: what is not the tone is %.5f at cuts, %.5f elsewhere", name, cut, at, elsewhere)
			}
		}
	}
}

// clicks returns the largest deviation from a steady tone, within 5 ms of cuts and elsewhere: in a
// tone, each sample follows from the two before. The first and last 50 ms, which are faded, do not
// count.
func clicks(sound []float64, tone float64, cuts []int) (at, elsewhere float64) {
	const near, faded = mediatest.SampleRate * 5 / 1000, mediatest.SampleRate * 50 / 1000
	turn := 2 * math.Cos(2*math.Pi*tone/mediatest.SampleRate)
	for n := faded; n < len(sound)-faded; n++ {
		rest := math.Abs(sound[n] - turn*sound[n-1] + sound[n-2])
		if slices.ContainsFunc(cuts, func(cut int) bool { return cut-near <= n && n <= cut+near }) {
			at = max(at, rest)
		} else {
			elsewhere = max(elsewhere, rest)
		}
	}
	return at, elsewhere
}
