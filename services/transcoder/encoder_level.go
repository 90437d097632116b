package transcoder

import (
	"math"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// h264Level is what a decoder of one of H.264's levels must cope with, from table A-1 of ITU-T
// H.264.
type h264Level struct {
	name string
	// blocks are macroblocks of 16 × 16 pixels: in a second, in a frame, and in all frames that are
	// kept as references.
	blocksPerSecond, blocksPerFrame, blocksKept int
	// kilobits a second, and of the buffer before the decoder, in High profile: 1.25 times the
	// table's.
	rate, buffer int
}

// h264Levels begin with the lowest that every player of today knows. A lower one would do for small
// pictures, but allows them so few bits that a busy page would suffer. The last one holds 3840×2160
// at 120 frames a second, the most that campaigns may ask for.
var h264Levels = []h264Level{
	{"4.1", 245_760, 8_192, 32_768, 62_500, 78_125},
	{"4.2", 522_240, 8_704, 34_816, 62_500, 78_125},
	{"5.0", 589_824, 22_080, 110_400, 168_750, 168_750},
	{"5.1", 983_040, 36_864, 184_320, 300_000, 300_000},
	{"5.2", 2_073_600, 36_864, 184_320, 300_000, 300_000},
	{"6.0", 4_177_920, 139_264, 696_320, 300_000, 300_000},
}

// framesKept is how many frames x264 has a decoder keep, with the B-frames and the references that
// our qualities have.
const framesKept = 4

// levelFor returns the lowest of the levels that holds pictures of this size at this rate.
func levelFor(width, height int, rate msg.Rate) h264Level {
	across, down := (width+15)/16, (height+15)/16
	frame := across * down
	for _, l := range h264Levels {
		longest := int(math.Sqrt(float64(8 * l.blocksPerFrame)))
		if frame <= l.blocksPerFrame && max(across, down) <= longest && framesKept*frame <= l.blocksKept &&
			float64(frame)*rate.Float() <= float64(l.blocksPerSecond) {
			return l
		}
	}
	return h264Levels[len(h264Levels)-1]
}

// bound is what the encoder of a segment is held to: kilobits a second, and of the buffer that they
// go through.
type bound struct{ rate, buffer int }

// boundFor leaves room for joins. Each segment begins as if the decoder's buffer were full but for
// a tenth, though the one before may have emptied it. So a segment, that start included, takes no
// more than the level's rate brings in for as long as it lasts, and never more than half of a
// second's at once.
func (l h264Level) boundFor(length time.Duration) bound {
	return bound{rate: l.rate * 3 / 4, buffer: max(1, int(float64(l.rate)*min(0.5, length.Seconds()/4)))}
}
