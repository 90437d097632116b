package transcoder

import (
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fetch"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestASegmentFarIntoTheFacecamShowsTheRightFrame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	face, facts := b.probed(t, mediatest.Facecam(t, rate, 200, 160, 120, nil, "-g", "24"))
	if !facts.Seekable {
		t.Errorf("facts %+v", facts)
	}
	place := usual(testWidth, testHeight)
	b.must(t, msg.Normalize, msg.NormalizeParams{
		Scene: 3, Width: testWidth, Height: testHeight, Rate: rate, Frames: 20, FirstFrame: 150, Facecam: true,
	}, map[string]msg.Input{
		msg.Mezzanine: b.input(t, "m", mediatest.Mezzanine(t, rate, 20, testWidth, testHeight, mediatest.Bars, nil), nil), msg.FacecamFile: face,
	}, msg.Segment)
	segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
	for n := range segment.Frames {
		if got := mediatest.ReadGrey(segment.Luma(n, place.X+place.Width/2, place.Y+place.Height/2, 6)); got != (150+n)%20 {
			t.Errorf("frame %d shows facecam grey %d, want %d", n, got, (150+n)%20)
		}
	}
}

func TestTheFacecamIsFetchedOnceForAllSegments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.cache = &fetch.Cache{MaxBytes: 1 << 20}
	t.Cleanup(b.cache.Close)
	rate := msg.FPS(24)
	face, _ := b.probed(t, mediatest.Facecam(t, rate, 24, 160, 120, mediatest.PCM(time.Second, mediatest.Beep(0.3)), "-c:a", "aac"))
	scene := b.input(t, "m", mediatest.Mezzanine(t, rate, 4, testWidth, testHeight, mediatest.Bars, nil), nil)
	for _, first := range []int{0, 4} {
		b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: 4, FirstFrame: first, Facecam: true,
		}, map[string]msg.Input{msg.Mezzanine: scene, msg.FacecamFile: face}, msg.Segment)
		b.store.remove(face.Key)
	}
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: 24},
		map[string]msg.Input{msg.Joined: b.joined(t, rate, 24), msg.FacecamFile: face}, outputsOfVideo...)
}
