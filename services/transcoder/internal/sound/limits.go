package sound

import (
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

const mib = 1 << 20

// CPU time of the two processes of Measure.
const (
	decodeCPU  = 10 * time.Minute
	measureCPU = 20 * time.Minute
)

// MaxMeasureCPU is the CPU time that Measure's processes may use together.
const MaxMeasureCPU = decodeCPU + measureCPU

var (
	// decoding bounds ffmpeg when it decodes all of the sound, and measuring when it measures the
	// loudness. 20 minutes of sound have taken 54 s of both.
	decoding  = ffmpeg.Limits{Memory: 3072 * mib, CPU: decodeCPU, File: mib}
	measuring = ffmpeg.Limits{Memory: 3072 * mib, CPU: measureCPU, File: mib}
)

// mixing bounds ffmpeg when it lays the facecam's sound over a picture of the given size in bytes.
func mixing(p msg.OverlayParams, bytes int64) ffmpeg.Limits {
	l := measuring
	l.CPU = 30*time.Minute + time.Duration(p.Frames)*100*time.Millisecond
	l.File = 64*mib + bytes + int64(p.Rate.At(p.Frames).Seconds())*mib/8
	return l
}
