package transcoder

import (
	"bytes"
	"image/jpeg"
	"testing"

	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// The presenter is sharp and bright from the first frame on, at the top right; the page is blank
// except for a part at the lower left, late in the video.
func TestAThumbnailIsChosenForThePageBesideTheFacecam(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(24), 48
	over := shown.BubbleOf(shown.Options{Corner: shown.CornerTopRight, Size: 0.5}, testWidth, testHeight, rate, count)
	over.Fullscreen = []msg.Moment{{From: 22, To: 27}} // the second candidate
	face, _ := b.probed(t, mediatest.Make(t, "facecam.mp4", nil, "-f", "lavfi", "-i", "testsrc2=s=160x120:r=24:d=2", "-f", "lavfi", "-i", "sine=d=2",
		"-c:v", "libx264", "-pix_fmt", "yuv420p"))
	scene := mediatest.Mezzanine(t, rate, count, testWidth, testHeight, func(n int, rgb []byte, width, height int) {
		mediatest.Solid(240)(n, rgb, width, height)
		for y := height / 2; n >= 30 && y < height; y++ {
			for x := range width / 2 {
				if (x/4+y/4)%2 == 0 {
					copy(rgb[3*(y*width+x):], []byte{10, 10, 10})
				}
			}
		}
	}, nil)
	facts := b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Facecam: true, Bubble: over},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment)
	joined := b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{count}},
		map[string]msg.Input{msg.SegmentName(0): b.input(t, "s", b.store.get(t, "normalize/segment"), facts)}, msg.Joined)
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Bubble: over},
		map[string]msg.Input{msg.Joined: b.input(t, "joined", b.store.get(t, "concat/joined"), joined), msg.FacecamFile: face}, outputsOfVideo...)
	img, err := jpeg.Decode(bytes.NewReader(b.store.get(t, "overlay/thumbnail")))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(86, 134).RGBA(); r>>8 > 60 {
		t.Errorf("the thumbnail has brightness %d where the page is dark, from frame 30 on", r>>8)
	}
}
