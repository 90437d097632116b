package encode

import (
	"math"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// level is what a decoder of one of H.264's levels must be able to decode, from table A-1 of ITU-T
// H.264.
type level struct {
	name string
	// Macroblocks of 16 × 16 pixels: in a second, in a frame, and in all frames that are kept as
	// references.
	blocksPerSecond, blocksPerFrame, blocksKept int
	// rate is in kilobits a second, buffer the kilobits of the decoder's input buffer, in High
	// profile: 1.25 times the table's.
	rate, buffer int
}

// levels begin with the lowest that every player of today knows. A lower one would do for small
// pictures, but allows them so few bits that a busy page would suffer. The last one holds 3840×2160
// at 120 frames a second, the most that campaigns may ask for.
var levels = []level{
	{"4.1", 245_760, 8_192, 32_768, 62_500, 78_125},
	{"4.2", 522_240, 8_704, 34_816, 62_500, 78_125},
	{"5.0", 589_824, 22_080, 110_400, 168_750, 168_750},
	{"5.1", 983_040, 36_864, 184_320, 300_000, 300_000},
	{"5.2", 2_073_600, 36_864, 184_320, 300_000, 300_000},
	{"6.0", 4_177_920, 139_264, 696_320, 300_000, 300_000},
}

// framesKept is how many frames x264 makes a decoder keep, with the B-frames and references of our
// qualities.
const framesKept = 4

// levelFor returns the lowest of the levels that holds pictures of this size at this rate.
func levelFor(width, height int, rate msg.Rate) level {
	across, down := (width+15)/16, (height+15)/16
	frame := across * down
	for _, l := range levels {
		longest := int(math.Sqrt(float64(8 * l.blocksPerFrame)))
		if frame <= l.blocksPerFrame && max(across, down) <= longest && framesKept*frame <= l.blocksKept &&
			float64(frame)*rate.Float() <= float64(l.blocksPerSecond) {
			return l
		}
	}
	return levels[len(levels)-1]
}

// vbv is a bound of a segment's bit rate, as x264's video buffering verifier takes it: rate in
// kilobits a second, and buffer the kilobits of the decoder's input buffer.
type vbv struct{ rate, buffer int }

// vbvFor returns the bound of a segment, with room for joins. Each segment begins as if the
// decoder's buffer were nine tenths full, though the one before may have emptied it. So a segment,
// its start included, takes no more than the level's rate brings in while it lasts, and never more
// than half of a second's at once.
func (l level) vbvFor(length time.Duration) vbv {
	return vbv{rate: l.rate * 3 / 4, buffer: max(1, int(float64(l.rate)*min(0.5, length.Seconds()/4)))}
}
