package capture_test

import (
	"math"
	"net/http"
	"testing"
)

// The tests named TestMoving… have a page for each means by which pages move.
// docs/reference/exactness.md says what they find, and must agree with them.

// barStyle is a black page with a white bar in the band at the bottom.
const barStyle = `<style>body{margin:0;background:#000;overflow:hidden}
	.bar{position:absolute;top:140px;left:0;width:16px;height:40px;background:#fff}</style>`

// movingFrames is how long the pages are captured: 1.2 s.
const movingFrames = 72

// at60 returns the time of frame n at 60 frames a second, in milliseconds, truncated to tenths like
// the times that pages see.
func at60(n int) float64 { return float64(n*10_000/60) / 10 }

// bar is one of the bars of a page: how it moves, and where its left edge must be so many
// milliseconds after frame 0.
type bar struct {
	name, page string
	at         func(ms float64) float64
}

// checkBar looks at every frame: the bar's left edge must be where it belongs, but for the pixel
// that it is rounded to.
func checkBar(t *testing.T, edges []int, where func(ms float64) float64) {
	t.Helper()
	for i, at := range edges {
		if want := where(at60(i)); math.Abs(float64(at)-want) > 1 {
			t.Fatalf("in frame %d the bar is at %d, want %.1f", i, at, want)
		}
	}
}

// capturedPage captures a page with this body.
func capturedPage(t *testing.T, page string) []picture {
	t.Helper()
	return captured(t, map[string]http.HandlerFunc{"/": html(page)})
}

// captured captures the page / of a site.
func captured(t *testing.T, pages map[string]http.HandlerFunc) []picture {
	t.Helper()
	return shot{frames: movingFrames}.captured(t, pages)
}

func (s shot) captured(t *testing.T, pages map[string]http.HandlerFunc) []picture {
	t.Helper()
	s.url = site(t, pages)
	path, _ := s.mustTake(t)
	return decode(t, path, s.completed().rate, s.frames)
}

// even is a movement of so many pixels a second.
func even(speed float64) func(ms float64) float64 {
	return func(ms float64) float64 { return speed * ms / 1000 }
}

// eased is a movement over a distance that takes so long, by CSS's cubic-bezier(x1, y1, x2, y2).
func eased(distance, duration, x1, y1, x2, y2 float64) func(ms float64) float64 {
	return func(ms float64) float64 { return distance * bezier(min(ms/duration, 1), x1, y1, x2, y2) }
}

// bezier returns y where the curve from (0, 0) to (1, 1) is at x.
func bezier(x, x1, y1, x2, y2 float64) float64 {
	curve := func(t, a, b float64) float64 { return 3*(1-t)*(1-t)*t*a + 3*(1-t)*t*t*b + t*t*t }
	low, high := 0.0, 1.0
	for range 50 {
		if mid := (low + high) / 2; curve(mid, x1, x2) < x {
			low = mid
		} else {
			high = mid
		}
	}
	return curve(low, y1, y2)
}

// checkEachOnce checks that frame n shows the number first + n.
func checkEachOnce(t *testing.T, numbers []int, first int) {
	t.Helper()
	for i, n := range numbers {
		if n != first+i {
			t.Fatalf("frame %d shows %d, want %d", i, n, first+i)
		}
	}
}
