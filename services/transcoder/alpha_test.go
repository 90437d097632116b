package transcoder

import (
	"bytes"
	"math"
	"testing"

	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// cutOut makes a facecam of 24 frames that is orange on its left and transparent green on its
// right. At the bottom all of it is half transparent.
func cutOut(t *testing.T, name string, options ...string) []byte {
	t.Helper()
	const width, height, count = 160, 120, 24
	var frame []byte
	for y := range height {
		for x := range width {
			switch {
			case y >= height*3/4:
				frame = append(frame, 220, 120, 40, 128)
			case x < width/2:
				frame = append(frame, 220, 120, 40, 255)
			default:
				frame = append(frame, 0, 255, 0, 0)
			}
		}
	}
	args := []string{"-f", "rawvideo", "-pix_fmt", "rgba", "-s", "160x120", "-r", "30", "-i", "-", "-vf", "scale=out_color_matrix=bt601:out_range=tv"}
	return mediatest.Make(t, name, bytes.NewReader(bytes.Repeat(frame, count)), append(args, options...)...)
}

func TestThePageShowsThroughAFacecam(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const width, height = 320, 180
	none, no, ease := 0.0, false, 0.2
	o := shown.Options{
		Shape: shown.ShapeRectangle, Aspect: "4:3", Size: 0.5, Border: shown.Border{Width: &none}, Shadow: &no,
		Fullscreen: []shown.Moment{{At: 0.2, Seconds: 0.8, Ease: &ease}},
	}
	orange, half, page := [3]float64{220, 120, 40}, [3]float64{174, 124, 84}, [3]float64{128, 128, 128}
	for _, test := range []struct {
		name    string
		options []string
		mirror  bool
		frames  int
		border  bool
	}{
		{"vp9.webm", []string{"-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-b:v", "4M", "-deadline", "realtime", "-cpu-used", "8"}, false, 20, true},
		{"prores.mov", []string{"-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"}, true, 20, false},
		{"vp8.webm", []string{"-c:v", "libvpx", "-pix_fmt", "yuva420p", "-b:v", "4M", "-deadline", "realtime", "-auto-alt-ref", "0"}, false, 6, false},
		{"png.mov", []string{"-c:v", "png", "-pix_fmt", "rgba"}, false, 6, false},
		{"qtrle.mov", []string{"-c:v", "qtrle", "-pix_fmt", "argb"}, true, 6, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			face, facts := b.probed(t, cutOut(t, test.name, test.options...))
			if !facts.Alpha {
				t.Errorf("facts %+v", facts)
			}
			o.Mirror = test.mirror
			at := *shown.BubbleOf(o, width, height, msg.FPS(30), 60)
			video := b.filmed(t, face, at, width, height, 0, test.frames)
			for where, want := range map[[2]float64][3]float64{
				{0.25, 0.4}: orange, {0.45, 0.4}: orange, {0.75, 0.4}: page, {0.55, 0.4}: page, {0.25, 0.82}: half, {0.75, 0.82}: half,
			} {
				across, down := where[0], where[1]
				if test.mirror {
					across = 1 - across
				}
				restX, restY := float64(at.X)+across*float64(at.Width), float64(at.Y)+down*float64(at.Height)
				fullX, fullY := across*width, height/2+(down-0.5)*width*3/4 // cut above and below
				for frame, way := range map[int]float64{3: 0, 9: 0.5, 18: 1} {
					if frame >= test.frames {
						continue
					}
					x, y := int(restX+way*(fullX-restX)), int(restY+way*(fullY-restY))
					if got := video.RGB(frame, x, y); far(got, want) > 14 {
						t.Errorf("frame %d at %.2f: %.0f, want %.0f", frame, where, got, want)
					}
				}
			}
			// The transparent green is nowhere.
			for n := range video.Frames {
				for y := range height {
					for x := range width {
						if c := video.RGB(n, x, y); c[1] > c[0]+30 {
							t.Fatalf("frame %d: %.0f at %d, %d", n, c, x, y)
						}
					}
				}
			}
			if test.border {
				b.checkBorder(t, face, width, height)
			}
		})
	}
}

// checkBorder makes sure that the bubble of a transparent facecam keeps its border.
func (b *bench) checkBorder(t *testing.T, face msg.Input, width, height int) {
	t.Helper()
	thick := 0.1
	at := *shown.BubbleOf(shown.Options{Size: 0.5, Position: &shown.Position{X: 0.5, Y: 0.5}, Border: shown.Border{Width: &thick, Color: "#f0f0f0"}}, width, height, msg.FPS(30), 60)
	video := b.filmed(t, face, at, width, height, 0, 4)
	middle, border := at.Y+at.Height/2, int(at.Border/2)
	for name, want := range map[string]struct {
		x, y int
		grey float64
	}{
		"the border beside what is seen": {at.X - border, middle, 240}, "the border beside what is not": {at.X + at.Width + border, middle, 240},
		"the page within": {at.X + at.Width*3/4, middle, 128}, "the page beside": {width - 20, 20, 128},
	} {
		if got := video.RGB(2, want.x, want.y); far(got, [3]float64{want.grey, want.grey, want.grey}) > 8 {
			t.Errorf("%s: %.0f, want %.0f", name, got, want.grey)
		}
	}
	if below := video.RGB(2, at.X+at.Width/2, at.Y+at.Height+int(at.Border+at.Shadow/2)); below[0] > 120 {
		t.Errorf("the shadow below: %.0f", below)
	}
}

// A facecam whose alpha has keyframes of its own must not be decoded from a place where only its
// picture has one.
func TestATransparentFacecamShowsTheSameWhereverDecodingStarts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data := mediatest.Make(t, "long.webm", nil, "-f", "lavfi", "-i", "testsrc2=s=96x72:r=15:d=7", "-f", "lavfi", "-i", "testsrc2=s=96x72:r=15:d=7",
		"-filter_complex", "[1]hue=s=0,format=gray[m];[0][m]alphamerge,format=yuva420p", "-c:v", "libvpx-vp9", "-b:v", "1M", "-g", "30",
		"-deadline", "realtime", "-cpu-used", "8")
	face, facts := b.probed(t, data)
	if !facts.Seekable || !facts.Alpha {
		t.Errorf("facts %+v", facts)
	}
	full := usual(testWidth, testHeight)
	full.Fullscreen = []msg.Moment{{From: 0, To: 210}}
	late := b.filmed(t, face, full, testWidth, testHeight, 170, 6)
	facts.Seekable = false
	early := b.filmed(t, b.input(t, face.Key, b.store.get(t, face.Key), facts), full, testWidth, testHeight, 170, 6)
	for n := range late.Frames {
		if !bytes.Equal(late.Frames[n], early.Frames[n]) {
			t.Errorf("frame %d is another", n)
		}
	}
}

func far(a, b [3]float64) (most float64) {
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}
