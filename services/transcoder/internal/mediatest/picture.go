package mediatest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Picture paints frame n into an RGB image of width × height.
type Picture func(n int, rgb []byte, width, height int)

// RawFrames makes a sequence of RGB frames.
func RawFrames(count, width, height int, paint Picture) io.Reader {
	return &frameReader{count: count, width: width, height: height, paint: paint}
}

type frameReader struct {
	count, width, height, n int
	paint                   Picture
	rest                    []byte
}

func (f *frameReader) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.n == f.count {
			return 0, io.EOF
		}
		f.rest = make([]byte, f.width*f.height*3)
		f.paint(f.n, f.rest, f.width, f.height)
		f.n++
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// RawInput returns the options that read RawFrames from stdin.
func RawInput(rate msg.Rate, width, height int) []string {
	return []string{"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", width, height), "-r", rate.String(), "-i", "-"}
}

// Bars paints the number n as ten bars, black or white, over the upper half of a grey picture.
func Bars(n int, rgb []byte, width, height int) {
	for y := range height {
		for x := range width {
			v := byte(128)
			if y < height/2 {
				v = byte(255 * ((n >> (x * 10 / width)) & 1))
			}
			i := 3 * (y*width + x)
			rgb[i], rgb[i+1], rgb[i+2] = v, v, v
		}
	}
}

// Greys paints frame n in one of 20 levels of grey.
func Greys(n int, rgb []byte, _, _ int) {
	for i := range rgb {
		rgb[i] = byte(30 + 10*(n%20))
	}
}

// Solid paints all of the picture in one grey.
func Solid(grey byte) Picture {
	return func(_ int, rgb []byte, _, _ int) { copy(rgb, bytes.Repeat([]byte{grey}, len(rgb))) }
}

// Noise is a picture that cannot be compressed, another in each frame.
func Noise(seed uint64) Picture {
	var pool []byte
	random := rand.New(rand.NewPCG(seed, 1))
	return func(_ int, rgb []byte, _, _ int) {
		if pool == nil {
			pool = make([]byte, 2*len(rgb))
			for i := range pool {
				pool[i] = byte(random.Uint32())
			}
		}
		copy(rgb, pool[random.IntN(len(rgb)):])
	}
}

// Page is a picture like a page's: text, a gradient, and a photo with some grain.
func Page(_ int, rgb []byte, width, height int) {
	random := rand.New(rand.NewPCG(3, 4))
	set := func(x, y int, r, g, b float64) {
		i := 3 * (y*width + x)
		rgb[i], rgb[i+1], rgb[i+2] = byte(r), byte(g), byte(b)
	}
	for y := range height {
		for x := range width {
			u, v := float64(x)/float64(width), float64(y)/float64(height)
			switch {
			case v < 0.15:
				set(x, y, 230-100*u, 100, 100+130*u)
			case u > 0.6 && v > 0.2 && v < 0.75:
				wave := math.Sin(14*u+9*v*v) + math.Sin(23*v-6*u)
				grain := 12 * (random.Float64() - 0.5)
				set(x, y, 130+50*wave+grain, 120+40*wave+grain, 90-30*wave+grain)
			default:
				set(x, y, 250, 250, 248)
			}
		}
	}
	// Lines of strokes that are as wide as a letter's.
	for y := height / 5; y+9 < height; y += 16 {
		for x := 20; x < width*11/20; x += 5 + random.IntN(5) {
			ink := float64(20 + random.IntN(60))
			for down := range 3 + random.IntN(7) {
				set(x, y+down, ink, ink, ink)
				set(x+1, y+down, ink+60, ink+60, ink+60)
			}
			for along := range random.IntN(5) {
				set(x+along, y+random.IntN(9), ink, ink, ink)
			}
		}
	}
}
