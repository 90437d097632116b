package transcoder

import (
	"bytes"
	"math"
	"testing"

	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// filmed renders frames of a video whose scene is one grey, with the facecam.
func (b *bench) filmed(t *testing.T, face msg.Input, shown msg.Bubble, width, height, first, count int) mediatest.Video {
	t.Helper()
	scene := mediatest.Mezzanine(t, msg.FPS(30), count, width, height, mediatest.Solid(128), nil)
	b.must(t, msg.Normalize, msg.NormalizeParams{Scene: 1, Width: width, Height: height, Rate: msg.FPS(30), Frames: count, FirstFrame: first,
		Quality: "high", Facecam: true, Bubble: &shown},
		map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment)
	segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), width, height)
	if len(segment.Frames) != count {
		t.Fatalf("%d frames, want %d", len(segment.Frames), count)
	}
	return segment
}

// halves paints a picture that is white on its left and black on its right.
func halves(_ int, rgb []byte, width, _ int) {
	for i := range rgb {
		rgb[i] = 20
		if i/3%width < width/2 {
			rgb[i] = 235
		}
	}
}

// facecamOf returns a probed facecam of 50 frames, 30 a second, with pictures of the given name: it
// is made once for all tests.
func (b *bench) facecamOf(t *testing.T, name string, paint mediatest.Picture) msg.Input {
	t.Helper()
	const count, width, height = 50, 320, 240
	v := once(t, "facecam of "+name, func() (data []byte, facts any) {
		data = mediatest.Make(t, "facecam.mp4", mediatest.RawFrames(count, width, height, paint),
			append(mediatest.RawInput(msg.FPS(30), width, height), "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p")...)
		_, facts = b.probed(t, data)
		return data, facts
	})
	return b.input(t, "facecam", v.data, v.facts)
}

func TestTheBubbleLooksAsAsked(t *testing.T) {
	t.Parallel()
	const width, height, grey, white, black = 640, 360, 126, 218, 33
	width4 := 0.08
	none := 0.0
	no := false
	for name, test := range map[string]struct {
		options shown.Options
		// left and right are the brightness within the face, and corner that at its upper left
		// corner.
		left, right, corner float64
	}{
		"circle":           {shown.Options{Shadow: &no}, white, black, grey},
		"rectangle":        {shown.Options{Shape: shown.ShapeRectangle, Corner: shown.CornerTopRight}, white, black, white},
		"rounded":          {shown.Options{Shape: shown.ShapeRounded, Corner: shown.CornerBottomRight, Shadow: &no, Border: shown.Border{Width: &none}}, white, black, grey},
		"mirror":           {shown.Options{Mirror: true, Corner: shown.CornerTopLeft, Shadow: &no}, black, white, grey},
		"border in colour": {shown.Options{Position: &shown.Position{X: 0.6, Y: 0.5}, Size: 0.5, Border: shown.Border{Width: &width4, Color: "#6366f1"}}, white, black, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			bubble := *shown.BubbleOf(test.options, width, height, msg.FPS(30), 3)
			got := b.filmed(t, b.facecamOf(t, "halves", halves), bubble, width, height, 0, 3)
			for _, point := range []struct {
				name string
				x, y int
				want float64
			}{
				{"left", bubble.X + bubble.Width/4, bubble.Y + bubble.Height/2, test.left},
				{"right", bubble.X + 3*bubble.Width/4, bubble.Y + bubble.Height/2, test.right},
				{"corner", bubble.X + 2, bubble.Y + 2, test.corner},
				{"beside it", bubble.X + bubble.Width/2, (bubble.Y + bubble.Height + height*3/4) % height, grey},
			} {
				if luma := got.Luma(1, point.x, point.y, 1); point.want >= 0 && math.Abs(luma-point.want) > 8 {
					t.Errorf("%s: brightness %.0f, want %.0f", point.name, luma, point.want)
				}
			}
			if test.options.Border.Color == "" {
				return
			}
			colour := got.RGB(1, bubble.X-int(bubble.Border/2), bubble.Y+bubble.Height/2)
			for c, want := range []float64{0x63, 0x66, 0xf1} {
				if math.Abs(colour[c]-want) > 8 {
					t.Errorf("the border is %.0f", colour)
					break
				}
			}
		})
	}
}

func TestTheEdgeOfABubbleIsSmooth(t *testing.T) {
	t.Parallel()
	const width, height = 640, 360
	b := newBench(t)
	none, no := 0.0, false
	bubble := *shown.BubbleOf(shown.Options{Shadow: &no, Border: shown.Border{Width: &none}}, width, height, msg.FPS(30), 3)
	got := b.filmed(t, b.facecamOf(t, "white", mediatest.Solid(235)), bubble, width, height, 0, 3)
	// The white area, counting partly white pixels, is the circle's only if the edge is
	// antialiased.
	sum, between := 0.0, 0
	for y := bubble.Y - 2; y < bubble.Y+bubble.Height+2; y++ {
		for x := bubble.X - 2; x < bubble.X+bubble.Width+2; x++ {
			luma := float64(got.Frames[1][y*width+x])
			sum += (luma - 126) / (218 - 126)
			if luma > 140 && luma < 204 {
				between++
			}
		}
	}
	area := math.Pi / 4 * float64(bubble.Width*bubble.Width)
	if math.Abs(sum/area-1) > 0.01 || between < bubble.Width {
		t.Errorf("it covers %.0f pixels, want %.0f; %d are at the edge", sum, area, between)
	}
}

func TestTheFacecamGrowsUntilItFillsThePicture(t *testing.T) {
	t.Parallel()
	const width, height, total = 320, 180, 60
	b := newBench(t)
	face := b.facecamOf(t, "white", mediatest.Solid(235)) // 50 frames
	bubble := usual(width, height)
	bubble.Border, bubble.Shadow = 0, 0
	bubble.Fullscreen = []msg.Moment{{From: 5, To: 45, Grow: 12, Shrink: 12}}
	whole := b.filmed(t, face, bubble, width, height, 0, total)
	area := func(n int) (sum float64) {
		for _, v := range whole.Frames[n][:width*height] {
			sum += (float64(v) - 126) / (218 - 126)
		}
		return sum / (width * height)
	}
	rest := math.Pi / 4 * float64(bubble.Width*bubble.Width) / (width * height)
	for n, last := 1, area(0); n < total; n++ {
		got := area(n)
		want := 0.0
		switch {
		case n >= 50: // the facecam has ended
		case n <= 5 || n >= 45:
			want = rest
		case n >= 17 && n <= 33:
			want = 1
		default:
			if n < 17 && got <= last || n > 33 && got >= last || math.Abs(got-last) > 0.2 {
				t.Errorf("frame %d: the facecam fills %.3f, after %.3f", n, got, last)
			}
			want = got
		}
		if math.Abs(got-want) > 0.01 {
			t.Errorf("frame %d: the facecam fills %.3f, want %.3f", n, got, want)
		}
		last = got
	}
	// Segments that begin and end in the middle of both moves show the same.
	for _, cut := range [][2]int{{11, 29}, {40, 20}} {
		piece := b.filmed(t, face, bubble, width, height, cut[0], cut[1])
		for n, frame := range piece.Frames {
			if off := apart(frame, whole.Frames[cut[0]+n]); off > 1 {
				t.Errorf("frame %d differs by %.2f from the same in one segment", cut[0]+n, off)
			}
		}
	}
}

// apart is the mean difference of two frames' bytes.
func apart(a, b []byte) float64 {
	if bytes.Equal(a, b) {
		return 0
	}
	sum := 0.0
	for i := range a {
		sum += math.Abs(float64(a[i]) - float64(b[i]))
	}
	return sum / float64(len(a))
}

func TestAFacecamThatEndsWhileItMovesVanishes(t *testing.T) {
	t.Parallel()
	const width, height = 320, 180
	b := newBench(t)
	bubble := usual(width, height)
	const first = 35 // of the facecam's 50 frames
	bubble.Fullscreen = []msg.Moment{{From: first + 5, To: first + 60, Grow: 20, Shrink: 20}}
	got := b.filmed(t, b.facecamOf(t, "white", mediatest.Solid(235)), bubble, width, height, first, 40)
	x, y := bubble.X+bubble.Width/2+8, bubble.Y+bubble.Height/2-8
	for n := range got.Frames {
		seen := math.Abs(got.Luma(n, x, y, 2)-126) > 10
		if seen != (n < 15) {
			t.Errorf("frame %d: a bubble is seen: %v", n, seen)
		}
	}
}
