package mediatest

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Video is the pixels of a video: limited-range YUV 4:2:0, one slice of bytes for each frame.
type Video struct {
	Width, Height int
	Frames        [][]byte
}

// Decode decodes a video of width × height pixels.
func Decode(t *testing.T, data []byte, width, height int) Video {
	t.Helper()
	file := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	raw := Run(t, nil, Tools.FFmpeg, "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
	d := Video{Width: width, Height: height}
	size := width * height * 3 / 2
	for len(raw) >= size {
		d.Frames = append(d.Frames, raw[:size])
		raw = raw[size:]
	}
	return d
}

// Luma is the mean brightness of a square of side 2r around x, y.
func (d Video) Luma(frame, x, y, r int) float64 {
	sum, n := 0, 0
	for yy := y - r; yy < y+r; yy++ {
		for xx := x - r; xx < x+r; xx++ {
			sum += int(d.Frames[frame][yy*d.Width+xx])
			n++
		}
	}
	return float64(sum) / float64(n)
}

// RGB is the colour at x, y, decoded as limited-range BT.709.
func (d Video) RGB(frame, x, y int) [3]float64 {
	f := d.Frames[frame]
	chroma := d.Width * d.Height
	at := (y/2)*(d.Width/2) + x/2
	luma := (float64(f[y*d.Width+x]) - 16) / 219
	cb := (float64(f[chroma+at]) - 128) / 224
	cr := (float64(f[chroma+d.Width*d.Height/4+at]) - 128) / 224
	const kr, kb = 0.2126, 0.0722
	r := luma + 2*(1-kr)*cr
	b := luma + 2*(1-kb)*cb
	g := (luma - kr*r - kb*b) / (1 - kr - kb)
	return [3]float64{255 * r, 255 * g, 255 * b}
}

// ReadBars reads what Bars painted.
func (d Video) ReadBars(frame int) int {
	n := 0
	for bit := range 10 {
		if d.Luma(frame, bit*d.Width/10+d.Width/20, d.Height/4, 4) > 128 {
			n |= 1 << bit
		}
	}
	return n
}

// ReadGrey reads what Greys painted, from limited-range luma.
func ReadGrey(luma float64) int {
	return int(math.Round(((luma-16)*255/219 - 30) / 10))
}
