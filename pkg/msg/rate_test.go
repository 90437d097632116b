package msg_test

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestFramesOfADuration(t *testing.T) {
	ntsc := msg.Rate{Num: 30000, Den: 1001}
	for _, c := range []struct {
		rate msg.Rate
		d    time.Duration
		want int
	}{
		{msg.FPS(60), 5 * time.Second, 300},
		{msg.FPS(1), 0, 0},
		{msg.FPS(30), 50 * time.Millisecond, 2}, // 1.5 frames
		{msg.FPS(30), 49 * time.Millisecond, 1},
		{ntsc, time.Second, 30},
		{ntsc, 1001 * time.Second, 30000},
		{ntsc, 2 * time.Hour, 215784}, // 215784.2
		{msg.FPS(120), 24 * time.Hour, 10368000},
	} {
		if got := c.rate.Frames(c.d); got != c.want {
			t.Errorf("%s × %s = %d frames, want %d", c.rate, c.d, got, c.want)
		}
	}
}

// anyRate returns a random rate in lowest terms.
func anyRate(random *rand.Rand) msg.Rate {
	for {
		r := msg.Rate{Num: 1 + random.IntN(240000), Den: []int{1, 1, 1, 1001, 1 + random.IntN(2000)}[random.IntN(5)]}
		if r.Valid() {
			return r
		}
	}
}

func TestTimeAndFramesAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		r, n := anyRate(random), random.IntN(1_000_000)
		at := r.At(n)
		// The start of frame n is n frames after frame 0.
		if r.Float() < 1e8 && r.Frames(at) != n {
			t.Fatalf("%s: frame %d starts at %s, which is %d frames", r, n, at, r.Frames(at))
		}
		if next := r.At(n + 1); next < at {
			t.Fatalf("%s: frame %d starts at %s, before frame %d at %s", r, n+1, next, n, at)
		}
		// Rounded down by less than a nanosecond: at ≤ n × den / num < at + 1 ns.
		exact := new(big.Rat).Mul(big.NewRat(int64(n)*int64(r.Den), int64(r.Num)), big.NewRat(int64(time.Second), 1))
		off := new(big.Rat).Sub(exact, big.NewRat(int64(at), 1))
		if off.Sign() < 0 || off.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("%s: frame %d starts at %s, off by %s ns", r, n, at, off.FloatString(6))
		}
	}
}

func TestFramesAreTheNearest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	half := big.NewRat(1, 2)
	for range 20000 {
		r, d := anyRate(random), time.Duration(random.Int64N(int64(3*time.Hour)))
		exact := new(big.Rat).Mul(big.NewRat(int64(d), int64(time.Second)), big.NewRat(int64(r.Num), int64(r.Den)))
		off := new(big.Rat).Sub(big.NewRat(int64(r.Frames(d)), 1), exact)
		if off.Abs(off).Cmp(half) > 0 {
			t.Fatalf("%s × %s = %d frames, exactly %s", r, d, r.Frames(d), exact.FloatString(6))
		}
	}
}

func TestTimescalesHoldEveryFrameExactly(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		r := anyRate(random)
		perSecond, perFrame := r.Timescale()
		if perSecond <= 0 || perFrame <= 0 || int64(perSecond)*int64(r.Den) != int64(perFrame)*int64(r.Num) {
			t.Fatalf("%s: %d ticks a second, %d a frame", r, perSecond, perFrame)
		}
	}
	for rate, want := range map[msg.Rate][2]int{msg.FPS(60): {60000, 1000}, {Num: 30000, Den: 1001}: {30000, 1001}} {
		if perSecond, perFrame := rate.Timescale(); perSecond != want[0] || perFrame != want[1] {
			t.Errorf("%s: %d and %d, want %v", rate, perSecond, perFrame, want)
		}
	}
}

func TestRatesAsText(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		r := anyRate(random)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var read msg.Rate
		if err := json.Unmarshal(data, &read); err != nil || read != r {
			t.Fatalf("%s is read as %s, %v", data, read, err)
		}
	}
	for _, bad := range []string{"", "60", "60/", "/1", "0/1", "60/0", "-60/1", "60/-1", "-60/-1", "120/2", "60/1/1", "6e1/1", "sixty/1"} {
		var r msg.Rate
		if err := r.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read as %s", bad, r)
		}
	}
}

func FuzzRate(f *testing.F) {
	f.Add("60/1")
	f.Add("30000/1001")
	f.Fuzz(func(t *testing.T, text string) {
		var r msg.Rate
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		var again msg.Rate
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%q is read as %s, and that as %s, %v", text, r, again, err)
		}
	})
}

func TestRatesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]msg.Rate{
		"60": msg.FPS(60), "60/1": msg.FPS(60), "120/2": msg.FPS(60), "30.0": msg.FPS(30), "12.5": {Num: 25, Den: 2},
		"23.976": {Num: 24000, Den: 1001}, "29.97": {Num: 30000, Den: 1001}, "59.94": {Num: 60000, Den: 1001},
		"60000/2002": {Num: 30000, Den: 1001},
	} {
		if got, err := msg.ParseRate(text); err != nil || got != want {
			t.Errorf("%s is read as %s, want %s (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"", "fast", "0", "-30", "30/0", "1e2", "0x1e", "1_0", "30 fps", "1/3/1", "99999999999999999999"} {
		if got, err := msg.ParseRate(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}
