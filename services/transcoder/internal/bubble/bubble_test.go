package bubble

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestTheBubbleFitsEveryScene(t *testing.T) {
	for _, size := range [][2]int{{1920, 1080}, {1080, 1920}, {640, 360}, {320, 180}, {3840, 2160}, {1080, 1080}, {16, 16}} {
		p := BottomLeft(size[0], size[1])
		for name, v := range map[string]int{"face": p.Face, "pad": p.Pad, "x": p.X, "y": p.Y} {
			if v%2 != 0 {
				t.Errorf("%v: %s is odd: %d", size, name, v)
			}
		}
		left, top := p.X+p.Pad, p.Y+p.Pad
		if p.Face < 2 || left < 0 || top < 0 || left+p.Face > size[0] || top+p.Face > size[1] {
			t.Errorf("%v: face of %d at %d, %d", size, p.Face, left, top)
		}
		if short := min(size[0], size[1]); short >= 100 && (5*p.Face < short || 4*p.Face > short) {
			t.Errorf("%v: a face of %d", size, p.Face)
		}
	}
}

func TestTheMaskIsADiscWithASoftShadow(t *testing.T) {
	p := BottomLeft(1920, 1080)
	mask, plate := Mask(p), Plate(p)
	c := p.Size() / 2
	if mask.GrayAt(c, c).Y != 255 || plate.NRGBAAt(c, c).A != 0 {
		t.Error("the face is not seen at the centre")
	}
	for _, corner := range [][2]int{{0, 0}, {p.Size() - 1, 0}, {0, p.Size() - 1}, {p.Size() - 1, p.Size() - 1}, {c, 0}, {0, c}, {c, p.Size() - 1}} {
		if got := mask.GrayAt(corner[0], corner[1]).Y; got != 0 {
			t.Errorf("the mask's border covers %d at %v", got, corner)
		}
	}
	ring := c - p.Face/2 - int(p.Ring/2) - 1
	if mask.GrayAt(ring, c).Y != 255 || plate.NRGBAAt(ring, c).A != 255 || plate.NRGBAAt(ring, c).R < 240 {
		t.Errorf("no ring at %d: mask %v, plate %v", ring, mask.GrayAt(ring, c), plate.NRGBAAt(ring, c))
	}
	outside := c + p.Face/2 + int(p.Ring) + 3
	if cover := mask.GrayAt(c, outside).Y; cover < 40 || cover > 140 || plate.NRGBAAt(c, outside).R > 20 {
		t.Errorf("no shadow below the ring: mask %d, plate %v", cover, plate.NRGBAAt(c, outside))
	}
	// Antialiased: going outwards along a slant, some pixels are covered in part, and none is covered more than the one before.
	last := uint8(255)
	for i := range c {
		got := mask.GrayAt(c-i, c-i).Y
		if got > last {
			t.Fatalf("the mask rises from %d to %d on the way out", last, got)
		}
		last = got
	}
}

func TestPicturesAreWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mask.png")
	mask := Mask(BottomLeft(320, 180))
	if err := Write(file, mask); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, err := png.Decode(f)
	if err != nil || img.Bounds() != mask.Bounds() {
		t.Errorf("read back: %v", err)
	}
	if err := Write(filepath.Join(t.TempDir(), "no", "mask.png"), mask); err == nil {
		t.Error("written into a folder that is not there")
	}
}
