package transcoder

import (
	"bytes"
	"fmt"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// Every size that a campaign may have, upright, square or very flat, becomes a finished video.
func TestEveryEvenSizeBecomesAVideo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(30)
	logo, narrow := oneColour(t, 80, 20, color.NRGBA{R: 255, G: 255, B: 255, A: 255}), 0.01
	face, _ := b.probed(t, mediatest.Facecam(t, rate, 10, 64, 48, nil))
	type size struct {
		width, height int
		facecam       bool
		level         int
	}
	sizes := []size{
		{16, 16, true, 41}, {18, 16, false, 41}, {130, 98, true, 41}, {720, 720, false, 41}, {720, 1280, true, 41}, {3840, 16, true, 41}, {16, 3840, true, 41}, {3840, 2160, true, 51},
	}
	if os.Getenv("LOOM_LONG") != "" {
		sizes = append(sizes, size{16, 16, false, 41}, size{16, 18, true, 41}, size{854, 480, false, 41}, size{1080, 1080, false, 41}, size{1080, 1920, true, 41}, size{2160, 3840, true, 51})
	}
	for _, size := range sizes {
		name := fmt.Sprintf("%d×%d", size.width, size.height)
		if size.facecam {
			name += ", facecam"
		}
		t.Run(name, func(t *testing.T) {
			lengths := []int{3, 2}
			if size.width*size.height > 1<<20 {
				lengths = []int{1, 1}
			}
			place := output.Watermark{Corner: output.CornerBottomRight, Width: &narrow, Margin: new(float64)}.Place(size.width, size.height)
			mark, _ := b.marked(t, logo, msg.DrawParams{Width: place.Width, Height: place.Height, Opacity: place.Opacity})
			inputs := map[string]msg.Input{}
			first := 0
			for i, frames := range lengths {
				start := first
				mov := mediatest.Mezzanine(t, rate, frames, size.width, size.height, func(n int, rgb []byte, w, h int) { mediatest.Greys(start+n, rgb, w, h) }, nil)
				facts := b.must(t, msg.Normalize, msg.NormalizeParams{
					Scene: i + 1, Width: size.width, Height: size.height, Rate: rate, Frames: frames, FirstFrame: first, Facecam: size.facecam,
					Watermark: &msg.WatermarkPlace{Right: place.Right, Bottom: place.Bottom, Margin: place.Margin},
				}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mov, nil), msg.FacecamFile: face, msg.WatermarkFile: mark}, msg.Segment)
				segment := msg.SegmentName(i)
				inputs[segment] = b.input(t, segment, b.store.get(t, "normalize/segment"), facts)
				first += frames
			}
			facts := b.must(t, msg.Concat,
				msg.ConcatParams{Width: size.width, Height: size.height, Rate: rate, Frames: lengths, Final: true, ThumbnailAt: new(float64)}, inputs, outputsOfVideo...).(msg.VideoFacts)
			if facts.Report == nil || facts.Report.Width != size.width || facts.Report.Height != size.height {
				t.Errorf("the report is %+v", facts.Report)
			}
			data := b.store.get(t, "concat/video")
			checkTiming(t, data, rate, sum(lengths))
			checkLevel(t, data, size.level)
			video := mediatest.Decode(t, data, size.width, size.height)
			if len(video.Frames) != sum(lengths) {
				t.Fatalf("%d frames, want %d", len(video.Frames), sum(lengths))
			}
			// The bubble is at the lower left.
			x, y := size.width-min(8, size.width/4), min(8, size.height/4)
			for n := range video.Frames {
				if got := mediatest.ReadGrey(video.Luma(n, x, y, 2)); got != n {
					t.Errorf("frame %d shows grey %d", n, got)
				}
				if got := video.Luma(n, size.width-1, size.height-1, 1); got < 200 {
					t.Errorf("frame %d has brightness %.0f where the watermark is", n, got)
				}
			}
			if size.facecam && min(size.width, size.height) > 100 {
				p, last := usual(size.width, size.height), sum(lengths)-1
				if got := mediatest.ReadGrey(video.Luma(last, p.X+p.Width/2, p.Y+p.Height/2, 2)); got != last {
					t.Errorf("in frame %d the bubble shows grey %d", last, got)
				}
			}
			small := min(640, size.width)
			for _, thumbnail := range []struct {
				name          string
				width, height int
			}{
				{"concat/thumbnail", size.width, size.height},
				{"concat/" + msg.ThumbnailSmall, small, 2 * max(1, int(math.Round(float64(small)*float64(size.height)/float64(size.width)/2)))},
			} {
				cfg, err := jpeg.DecodeConfig(bytes.NewReader(b.store.get(t, thumbnail.name)))
				if err != nil || cfg.Width != thumbnail.width || cfg.Height != thumbnail.height {
					t.Errorf("%s is %d × %d, %v; want %d × %d", thumbnail.name, cfg.Width, cfg.Height, err, thumbnail.width, thumbnail.height)
				}
			}
		})
	}
}

// checkLevel makes sure that a video declares a level of H.264, given as ten times its number.
func checkLevel(t *testing.T, data []byte, level int) {
	t.Helper()
	movie, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	const high = 100
	got := movie.Moov.Trak.Mdia.Minf.Stbl.Stsd.AvcX.AvcC
	if got.AVCProfileIndication != high || int(got.AVCLevelIndication) != level {
		t.Errorf("profile and level are %d and %d, want %d and %d", got.AVCProfileIndication, got.AVCLevelIndication, high, level)
	}
}
