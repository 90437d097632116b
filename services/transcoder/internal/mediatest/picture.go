package mediatest

import (
	"bytes"
	"fmt"
	"io"
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
