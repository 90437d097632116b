package capture_test

import (
	"math"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestTwoRunsLookTheSame(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{"/counting": html(counting), "/box": file("testdata/moving/box.html")})
	for _, page := range []string{"/counting", "/box"} {
		t.Run(page[1:], func(t *testing.T) {
			t.Parallel()
			const frames = 45
			var runs [2][][]byte
			for i := range runs {
				path, _ := shot{url: url + page, frames: frames}.mustTake(t)
				runs[i] = decodeRGB(t, path, msg.FPS(60), frames)
			}
			low, worst, at := 0, math.Inf(1), 0
			for i := range frames {
				db := psnr(runs[0][i], runs[1][i])
				if db < 60 {
					low++
				}
				if db < worst {
					worst, at = db, i
				}
			}
			if low > 0 {
				t.Errorf("%d of %d frames are less alike than 60 dB; frame %d has %.1f", low, frames, at, worst)
			}
		})
	}
}

// decodeRGB is decode with the colours: three bytes per pixel.
func decodeRGB(t *testing.T, path string, rate msg.Rate, frames int) [][]byte {
	t.Helper()
	return decodeAs(t, path, rate, frames, "rgb24", 3)
}

// psnr returns how alike two pictures are, in decibels: infinite when they are equal.
func psnr(a, b []byte) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(a))/sum)
}
