package msg

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Rate is a frame rate in frames per second, as a fraction in lowest terms: 60/1, 30000/1001. Its
// text and JSON form is "60/1", which is also what FFmpeg prints and reads.
type Rate struct {
	Num, Den int
}

// FPS returns the whole rate n/1.
func FPS(n int) Rate { return Rate{Num: n, Den: 1} }

// ntsc are the decimals that people write for the rates of television, by what they mean.
var ntsc = map[string]Rate{
	"23.976": {24000, 1001}, "23.98": {24000, 1001}, "29.97": {30000, 1001}, "47.952": {48000, 1001}, "47.95": {48000, 1001},
	"59.94": {60000, 1001}, "119.88": {120000, 1001},
}

// ParseRate reads a rate as people write it: "60", "30000/1001" (in lowest terms or not), "29.97"
// (which means 30000/1001), "12.5".
func ParseRate(text string) (Rate, error) {
	if r, ok := ntsc[text]; ok {
		return r, nil
	}
	fraction, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 20 || strings.ContainsAny(text, "eExXpP_") || fraction.Sign() <= 0 ||
		!fraction.Num().IsInt64() || !fraction.Denom().IsInt64() {
		return Rate{}, fmt.Errorf("%q is not a number of frames per second such as 60, 29.97 or 30000/1001", text)
	}
	return Rate{Num: int(fraction.Num().Int64()), Den: int(fraction.Denom().Int64())}, nil
}

// Valid reports whether r is a positive fraction in lowest terms.
func (r Rate) Valid() bool {
	if r.Num <= 0 || r.Den <= 0 {
		return false
	}
	var gcd big.Int
	return gcd.GCD(nil, nil, big.NewInt(int64(r.Num)), big.NewInt(int64(r.Den))).Int64() == 1
}

// String returns "num/den".
func (r Rate) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }

// Float returns frames per second.
func (r Rate) Float() float64 { return float64(r.Num) / float64(r.Den) }

// Frames returns how many frames a scene of d has: d × rate, rounded to the nearest.
func (r Rate) Frames(d time.Duration) int {
	n := new(big.Int).Mul(big.NewInt(int64(d)), big.NewInt(int64(r.Num)))
	den := new(big.Int).Mul(big.NewInt(int64(time.Second)), big.NewInt(int64(r.Den)))
	n.Add(n.Mul(n, big.NewInt(2)), den)
	return int(n.Div(n, den.Mul(den, big.NewInt(2))).Int64())
}

// At returns the time at which frame n starts, counted from frame 0, rounded down to the
// nanosecond.
func (r Rate) At(n int) time.Duration {
	t := new(big.Int).Mul(big.NewInt(int64(n)), big.NewInt(int64(r.Den)))
	t.Mul(t, big.NewInt(int64(time.Second)))
	return time.Duration(t.Div(t, big.NewInt(int64(r.Num))).Int64())
}

// Timescale returns the ticks per second and the ticks per frame of media at this rate: whole
// numbers, so that every frame lands exactly (60/1: 60000 and 1000; 30000/1001: 30000 and 1001).
func (r Rate) Timescale() (perSecond, perFrame int) {
	if r.Num < 10_000 {
		// FFmpeg takes a last frame to last one tick: let that be short
		return r.Num * 1000, r.Den * 1000
	}
	return r.Num, r.Den
}

// GOP returns how many frames there are from one keyframe of a segment to the next: two seconds'
// worth, at least 1. A scene is cut into pieces at keyframes, so that pieces cost no picture more
// than the whole.
func (r Rate) GOP() int { return max(1, int(math.Round(2*r.Float()))) }

// MarshalText writes "num/den".
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "num/den" in lowest terms.
func (r *Rate) UnmarshalText(text []byte) error {
	num, den, found := strings.Cut(string(text), "/")
	n, err1 := strconv.Atoi(num)
	d, err2 := strconv.Atoi(den)
	rate := Rate{Num: n, Den: d}
	if !found || err1 != nil || err2 != nil || !rate.Valid() {
		return fmt.Errorf("frame rate %q is not a fraction in lowest terms such as 60/1", text)
	}
	*r = rate
	return nil
}
