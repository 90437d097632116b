package clock

import "github.com/loom-lite/loom-lite/pkg/msg"

// Micros is page time in microseconds, the resolution of Chrome's virtual time.
type Micros int64

const (
	// Grain is the resolution of the clock that Blink shows to pages. Between two of its marks
	// Blink rounds up or down by chance; a time on a mark is the same in every run.
	Grain Micros = 100
	// Millisecond is 1 ms.
	Millisecond = 10 * Grain
)

// MS returns t in milliseconds, as Chrome's protocol has them, and a little more: Chrome truncates
// them to microseconds, and would make 16,599 of 16.6 (16.599999…). It takes a budget of exactly 0
// for no bound.
func (t Micros) MS() float64 { return (float64(t) + 0.4) / 1000 }

// OfFrame returns the time of frame n, counted from frame 0, on a mark of the grain: within one
// grain of the exact time at every n, so that nothing drifts.
func OfFrame(rate msg.Rate, n int) Micros {
	return Micros(int64(n)*10_000*int64(rate.Den)/int64(rate.Num)) * Grain
}
