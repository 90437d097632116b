package shrink

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"testing"
)

// noise is a JPEG that is hard to compress.
func noise(t *testing.T, width, height int) []byte {
	t.Helper()
	m, random := image.NewGray(image.Rect(0, 0, width, height)), rand.New(rand.NewPCG(1, 2))
	for i := range width * height {
		m.SetGray(i%width, i/width, color.Gray{uint8(random.IntN(256))})
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAPictureKeepsItsShapeAndFits(t *testing.T) {
	for _, c := range []struct{ width, height, wantWidth, wantHeight int }{
		{1920, 1080, 480, 270}, {1080, 1920, 152, 270}, {3840, 16, 480, 2}, {100, 50, 100, 50}, {3840, 1, 480, 1},
	} {
		p, err := To(noise(t, c.width, c.height), 480, 270, 64<<10)
		if err != nil {
			t.Fatal(err)
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(p.JPEG))
		if err != nil || config.Width != c.wantWidth || config.Height != c.wantHeight || p.Width != c.wantWidth || p.Height != c.wantHeight {
			t.Errorf("%d×%d became %d×%d (%d×%d), %v; want %d×%d", c.width, c.height, config.Width, config.Height, p.Width, p.Height, err, c.wantWidth, c.wantHeight)
		}
		if len(p.JPEG) > 64<<10 {
			t.Errorf("%d×%d has %d bytes", c.width, c.height, len(p.JPEG))
		}
	}
}

func TestAPictureThatCannotFitIsRefused(t *testing.T) {
	if _, err := To(noise(t, 480, 270), 480, 270, 1000); !errors.Is(err, ErrLarge) {
		t.Errorf("a thousand bytes: %v", err)
	}
	if _, err := To([]byte("no picture"), 480, 270, 1000); err == nil {
		t.Error("no picture is shrunk")
	}
}
