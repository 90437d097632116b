package watermark

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logo is opaque blue on its left, and half transparent red on its right.
func logo(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.NRGBA{B: 200, A: 255}
			if x >= width/2 {
				c = color.NRGBA{R: 240, A: 128}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPictureKeepsItsShapeAndItsColours(t *testing.T) {
	for _, c := range []struct {
		name                string
		width, height       int
		maxWidth, maxHeight int
		wantW, wantH        int
	}{
		{"smaller", 800, 400, 200, 900, 200, 100},
		{"larger", 40, 20, 200, 900, 200, 100},
		{"bounded by its height", 100, 400, 200, 200, 50, 200},
		{"of odd sizes", 333, 111, 101, 900, 100, 34},
		{"a line", 2000, 1, 100, 900, 100, 2},
	} {
		var out bytes.Buffer
		w, h, err := Draw(t.Context(), bytes.NewReader(encoded(t, logo(c.width, c.height))), &out, c.maxWidth, c.maxHeight, 0.5)
		if err != nil || w != c.wantW || h != c.wantH {
			t.Errorf("%s: %d×%d, %v; want %d×%d", c.name, w, h, err, c.wantW, c.wantH)
			continue
		}
		img, err := png.Decode(&out)
		if err != nil || img.Bounds().Dx() != w || img.Bounds().Dy() != h {
			t.Fatalf("%s: %v, %v", c.name, img, err)
		}
		for x, want := range map[int]color.NRGBA{w / 5: {B: 200, A: 128}, w * 4 / 5: {R: 240, A: 64}} {
			got, _ := color.NRGBAModel.Convert(img.At(x, h/2)).(color.NRGBA)
			if away(got.R, want.R) > 4 || away(got.G, want.G) > 4 || away(got.B, want.B) > 4 || away(got.A, want.A) > 1 {
				t.Errorf("%s: at %d it is %v, want %v", c.name, x, got, want)
			}
		}
	}
}

func away(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// webp1x1 is one opaque pixel.
const webp1x1 = "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAUAmJaQAA3AA/v02aAA="

func TestPicturesOfOtherFormatsAreTaken(t *testing.T) {
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, logo(64, 32), nil); err != nil {
		t.Fatal(err)
	}
	dot, err := base64.StdEncoding.DecodeString(webp1x1)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"JPEG": photo.Bytes(), "WebP": dot} {
		var out bytes.Buffer
		if w, _, err := Draw(t.Context(), bytes.NewReader(data), &out, 20, 20, 1); err != nil || w != 20 {
			t.Errorf("%s: %d pixels wide, %v", name, w, err)
		}
	}
}

// huge is the header of a PNG of the given size.
func huge(width, height uint32) []byte {
	chunk := append([]byte("IHDR"), make([]byte, 13)...)
	binary.BigEndian.PutUint32(chunk[4:], width)
	binary.BigEndian.PutUint32(chunk[8:], height)
	chunk[12], chunk[13] = 8, 6
	data := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), chunk...)
	return binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk))
}

func TestWhatIsNoUsablePictureIsRefusedForGood(t *testing.T) {
	var moving bytes.Buffer
	if err := gif.Encode(&moving, logo(8, 8), nil); err != nil {
		t.Fatal(err)
	}
	whole := encoded(t, logo(200, 200))
	for name, c := range map[string]struct {
		data  []byte
		code  msg.Code
		words string
	}{
		"nothing":              {nil, msg.CodeWatermarkNotPicture, "is an empty file."},
		"a page":               {[]byte("<!doctype html><title>My logo</title>"), msg.CodeWatermarkNotPicture, "is a web page"},
		"an SVG":               {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), msg.CodeWatermarkNotPicture, "is an SVG"},
		"text":                 {[]byte("logo"), msg.CodeWatermarkNotPicture, "is a text file, not a picture."},
		"an archive":           {[]byte("PK\x03\x04\x14\x00\x00\x00"), msg.CodeWatermarkNotPicture, "is an archive"},
		"noise":                {[]byte("\x00\x01\x02\x03"), msg.CodeWatermarkNotPicture, "is not a picture."},
		"a GIF":                {moving.Bytes(), msg.CodeWatermarkNotPicture, "in a format that is not supported"},
		"half of a file":       {whole[:len(whole)/2], msg.CodeWatermarkNotPicture, "is damaged or incomplete"},
		"100,000 × 1":          {huge(100_000, 1), msg.CodeWatermarkTooLarge, "(100000×1 pixels)"},
		"a decompression bomb": {huge(16_000, 16_000), msg.CodeWatermarkTooLarge, "(16000×16000 pixels)"},
		"no pixels":            {huge(0, 16), msg.CodeWatermarkNotPicture, "is a picture in a format that is not supported, or damaged"},
	} {
		var out bytes.Buffer
		_, _, err := Draw(t.Context(), bytes.NewReader(c.data), &out, 100, 100, 1)
		var failure *stage.Error
		if !errors.As(err, &failure) || failure.Code != c.code || !failure.Permanent || !strings.Contains(failure.Message, c.words) {
			t.Errorf("%s: %v, want %s: …%s…", name, err, c.code, c.words)
		}
		if out.Len() > 0 {
			t.Errorf("%s: %d bytes were written", name, out.Len())
		}
	}
}

// scans is a grey progressive JPEG with the given number of empty scans, each of which is decoded
// over all of the picture.
func scans(side uint16, count int) []byte {
	data := []byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}
	data = append(data, bytes.Repeat([]byte{1}, 64)...)
	data = append(data, 0xff, 0xc2, 0, 11, 8, byte(side>>8), byte(side), byte(side>>8), byte(side), 1, 1, 0x11, 0)
	// A table of one code, for the longest run of empty blocks.
	data = append(data, 0xff, 0xc4, 0, 20, 0x10, 1)
	data = append(append(data, make([]byte, 15)...), 0xe0)
	for range count {
		data = append(data, 0xff, 0xda, 0, 8, 1, 1, 0, 1, 1, 0)
		data = append(data, make([]byte, 32)...) // codes, and the lengths of their runs
	}
	return append(data, 0xff, 0xd9)
}

func TestAPictureThatTakesLongEndsWithItsTask(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the worker stops")
	cancel(stopped)
	if _, _, err := Draw(ctx, bytes.NewReader(scans(1024, 100)), io.Discard, 10, 10, 1); !errors.Is(err, stopped) {
		t.Errorf("cancelled: %v", err)
	}
	late, cancelLate := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelLate()
	_, _, err := Draw(late, bytes.NewReader(scans(2048, 20_000)), io.Discard, 10, 10, 1)
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Code != msg.CodeWatermarkNotPicture || !strings.Contains(failure.Message, "takes too long") {
		t.Errorf("too slow: %v", err)
	}
}

// A red disc on transparency, at half of the resolution, is still red at its edge.
func TestClearPixelsBesideAPictureHaveItsColour(t *testing.T) {
	disc := image.NewNRGBA(image.Rect(0, 0, 60, 60))
	for y := range 60 {
		for x := range 60 {
			if (x-30)*(x-30)+(y-30)*(y-30) < 400 {
				disc.SetNRGBA(x, y, color.NRGBA{R: 230, B: 35, A: 255})
			}
		}
	}
	var out bytes.Buffer
	if _, _, err := Draw(t.Context(), bytes.NewReader(encoded(t, disc)), &out, 30, 30, 1); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	drawn, ok := img.(*image.NRGBA)
	if !ok {
		t.Fatalf("a %T was written", img)
	}
	found := 0
	for y := range 30 {
		for x := range 30 {
			c := drawn.NRGBAAt(x, y)
			near := drawn.NRGBAAt(max(0, x-1), y).A + drawn.NRGBAAt(min(29, x+1), y).A
			if c.A > 0 || near == 0 {
				continue
			}
			if found++; away(c.R, 230) > 8 || away(c.G, 0) > 8 || away(c.B, 35) > 8 {
				t.Errorf("the clear pixel at %d, %d is %v", x, y, c)
			}
		}
	}
	if found == 0 {
		t.Error("no clear pixel is beside the disc")
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(encoded(f, logo(9, 5)))
	f.Add(huge(3, 2))
	f.Add(scans(16, 3))
	dot, err := base64.StdEncoding.DecodeString(webp1x1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(dot)
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, logo(16, 8), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(photo.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		w, h, err := Draw(t.Context(), bytes.NewReader(data), &out, 32, 20, 0.7)
		if err != nil {
			return
		}
		if config, err := png.DecodeConfig(&out); err != nil || config.Width != w || config.Height != h || w > 32 || h > 20 || w%2+h%2 != 0 {
			t.Errorf("%d×%d: %+v, %v", w, h, config, err)
		}
	})
}
