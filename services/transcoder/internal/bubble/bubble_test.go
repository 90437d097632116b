package bubble

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// boxed returns a bubble and its shape in its box of the given side lengths.
func boxed(o facecam.Options) (s Shape, width, height int) {
	b := *facecam.BubbleOf(o, 1920, 1080, msg.FPS(60), 0)
	pad := Pad(b)
	return Of(b).Boxed(pad), b.Width + 2*pad, b.Height + 2*pad
}

func TestTheMaskIsADiscWithASoftShadow(t *testing.T) {
	s, side, _ := boxed(facecam.Options{})
	plate, mask := drawImages(s, side, side)
	c, radius := side/2, int(s.Width/2)
	if mask.GrayAt(c, c).Y != 255 || plate.NRGBAAt(c, c).A != 0 {
		t.Error("the face is not seen at the centre")
	}
	for _, corner := range [][2]int{{0, 0}, {side - 1, 0}, {0, side - 1}, {side - 1, side - 1}, {c, 0}, {0, c}, {c, side - 1}} {
		if got := mask.GrayAt(corner[0], corner[1]).Y; got != 0 {
			t.Errorf("the mask's border covers %d at %v", got, corner)
		}
	}
	ring := c - radius - int(s.Border/2) - 1
	if mask.GrayAt(ring, c).Y != 255 || plate.NRGBAAt(ring, c).A != 255 || plate.NRGBAAt(ring, c).R < 240 {
		t.Errorf("no ring at %d: mask %v, plate %v", ring, mask.GrayAt(ring, c), plate.NRGBAAt(ring, c))
	}
	outside := c + radius + int(s.Border) + 3
	if cover := mask.GrayAt(c, outside).Y; cover < 40 || cover > 140 || plate.NRGBAAt(c, outside).R > 20 {
		t.Errorf("no shadow below the ring: mask %d, plate %v", cover, plate.NRGBAAt(c, outside))
	}
	outwards(t, mask, c)
}

// outwards checks that cover does not increase from the middle outwards, and that edges are soft.
func outwards(t *testing.T, mask *image.Gray, c int) {
	t.Helper()
	last, between := uint8(255), 0
	for i := range c {
		got := mask.GrayAt(c-i, c-i).Y
		if got > last {
			t.Fatalf("the mask rises from %d to %d on the way out", last, got)
		}
		if got > 0 && got < 255 {
			between++
		}
		last = got
	}
	if between == 0 {
		t.Error("the mask's edge is hard")
	}
}

func TestABubbleWithoutBorderAndShadowIsItsFace(t *testing.T) {
	none, no := 0.0, false
	s, side, _ := boxed(facecam.Options{Border: facecam.Border{Width: &none}, Shadow: &no})
	if side != int(s.Width) {
		t.Errorf("a box of %d around a face of %.0f", side, s.Width)
	}
	plate, mask := drawImages(s, side, side)
	for y := range side {
		for x := range side {
			if mask.GrayAt(x, y).Y > 0 && plate.NRGBAAt(x, y).A > 0 {
				t.Fatalf("at %d, %d the plate %v covers the face", x, y, plate.NRGBAAt(x, y))
			}
		}
	}
	outwards(t, mask, side/2)
}

func TestShapesHaveTheirCorners(t *testing.T) {
	for name, corner := range map[string]uint8{facecam.ShapeRounded: 0, facecam.ShapeRectangle: 255} {
		no, none := false, 0.0
		s, width, height := boxed(facecam.Options{Shape: name, Shadow: &no, Border: facecam.Border{Width: &none}})
		if width*9 < height*16-16 || width*9 > height*16+16 {
			t.Errorf("%s: %d × %d", name, width, height)
		}
		_, mask := drawImages(s, width, height)
		for _, at := range [][2]int{{1, 1}, {width - 2, 1}, {1, height - 2}, {width - 2, height - 2}} {
			if got := mask.GrayAt(at[0], at[1]).Y; got != corner {
				t.Errorf("%s: %d at %v", name, got, at)
			}
		}
		for _, at := range [][2]int{{width / 2, 1}, {1, height / 2}, {width / 2, height - 2}, {width - 2, height / 2}} {
			if got := mask.GrayAt(at[0], at[1]).Y; got != 255 {
				t.Errorf("%s: %d at the middle of a side, %v", name, got, at)
			}
		}
	}
}

func TestAGrownBubbleIsThePicture(t *testing.T) {
	rest := Of(*facecam.BubbleOf(facecam.Options{}, 320, 180, msg.FPS(60), 0))
	if got := rest.Grown(0, 320, 180); math.Abs(got.Radius-rest.Radius) > 1e-9 || got.X != rest.X || got.Width != rest.Width {
		t.Errorf("before it grows it is %+v, not %+v", got, rest)
	}
	plate, mask := drawImages(rest.Grown(1, 320, 180), 320, 180)
	for y := range 180 {
		for x := range 320 {
			if a := plate.NRGBAAt(x, y).A; mask.GrayAt(x, y).Y != 255 || a > 0 {
				t.Fatalf("at %d, %d it covers %d with a plate of %d", x, y, mask.GrayAt(x, y).Y, a)
			}
		}
	}
	if ease(0) != 0 || ease(1) != 1 || ease(0.5) != 0.5 || ease(0.1) > 0.05 || ease(0.9) < 0.95 {
		t.Error("a move does not start and end softly")
	}
}

func TestAFilmShowsEachShape(t *testing.T) {
	const width, height = 64, 36
	rest := Of(*facecam.BubbleOf(facecam.Options{}, width, height, msg.FPS(60), 0))
	list := []Shape{rest, rest.Grown(0.5, width, height)}
	data, err := io.ReadAll(&Animation{Shapes: list, Width: width, Height: height})
	if err != nil || len(data) != len(list)*2*4*width*height {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	for n, s := range list {
		plate, mask := drawImages(s, width, height)
		frame := data[n*2*4*width*height:]
		if !bytes.Equal(frame[:4*width*height], plate.Pix) {
			t.Errorf("frame %d: another plate", n)
		}
		for i, want := range mask.Pix {
			if got := frame[4*(width*height+i)+3]; got != want {
				t.Fatalf("frame %d: the mask is %d at %d, not %d", n, got, i, want)
			}
		}
	}
}

func TestPicturesAreWritten(t *testing.T) {
	s, width, height := boxed(facecam.Options{})
	other := s
	other.Border++
	var pictures Pictures
	for _, test := range []struct {
		name     string
		pictures *Pictures
		shape    Shape
	}{{"drawn", &pictures, s}, {"drawn before", &pictures, s}, {"another bubble", &pictures, other}, {"nothing is kept", nil, s}} {
		dir := t.TempDir()
		files := []string{filepath.Join(dir, "plate.png"), filepath.Join(dir, "mask.png")}
		if err := test.pictures.Write(test.shape, width, height, files[0], files[1]); err != nil {
			t.Fatal(err)
		}
		plate, mask := drawImages(test.shape, width, height)
		for i, want := range []image.Image{plate, mask} {
			data, err := os.ReadFile(files[i])
			if err != nil {
				t.Fatal(err)
			}
			got, err := png.Decode(bytes.NewReader(data))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s is not what was drawn, %v", test.name, files[i], err)
			}
		}
	}
	if err := pictures.Write(s, width, height, filepath.Join(t.TempDir(), "no", "plate.png"), filepath.Join(t.TempDir(), "mask.png")); err == nil {
		t.Error("written into a folder that is not there")
	}
}
