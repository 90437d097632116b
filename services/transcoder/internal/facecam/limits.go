package facecam

import (
	"fmt"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Bounds of what a file may hold.
const (
	maxPixels = 8192 * 4352 // 8K
	maxSides  = 16384       // of the longer side
	maxTracks = 64
	maxLength = 4 * time.Hour
)

const mib = 1 << 20

// boundedDecoder keeps a decoder from a picture that is larger than the header said, and from
// working on one picture for each core.
var boundedDecoder = []string{"-max_pixels", strconv.Itoa(maxPixels), "-threads", "4"}

// CPU time of one process.
const (
	inspectCPU = 5 * time.Minute
	decodeCPU  = 5 * time.Minute
)

// MaxExamineCPU is the CPU time that Examine's processes may use together: it inspects three times,
// and decodes three times.
const MaxExamineCPU = 3*inspectCPU + 3*decodeCPU

// Bounds of the processes of Examine.
var (
	// inspecting bounds ffprobe: it keeps an index of all packets, and decodes some.
	inspecting = ffmpeg.Limits{Memory: 1024 * mib, CPU: inspectCPU, File: mib}
	// decoding bounds ffmpeg when it decodes some pictures: a decoder may keep 16 of 8K.
	decoding = ffmpeg.Limits{Memory: 3072 * mib, CPU: decodeCPU, File: mib}
)

// checkHeader judges what the headers say.
func checkHeader(file ffmpeg.File, video, sound *ffmpeg.Stream) error {
	switch {
	case len(file.Streams) > maxTracks:
		return notVideo(fmt.Sprintf("has too many tracks (%d; at most %d will do).", len(file.Streams), maxTracks), nil)
	case video == nil && sound != nil:
		return notVideo("holds sound but no picture.", nil)
	case video == nil || video.Codec == "" || video.Width == 0 || video.Height == 0:
		return notVideo("holds no picture that can be read.", nil)
	case video.Pixels > maxPixels || max(video.Width, video.Height) > maxSides:
		return notVideo(fmt.Sprintf("is too large a picture (%d×%d pixels).", video.Width, video.Height), nil)
	}
	return nil
}

// cutOff is how much of the length that the header promises may be missing.
const cutOff = time.Second

// checkLength judges what the packets come to.
func checkLength(video ffmpeg.Stream, packets int, length time.Duration) error {
	switch promised := video.Duration; {
	case packets < 2 || length <= 0:
		return notVideo("is not a moving picture.", nil)
	case length > maxLength:
		return notVideo(fmt.Sprintf("is too long (%s; at most %s will do).", length.Round(time.Second), maxLength), nil)
	case promised > length+cutOff && promised > length+length/20:
		return notVideo(fmt.Sprintf("is cut off: %s of %s are there. Was the upload complete?",
			length.Round(time.Second), promised.Round(time.Second)), nil)
	}
	return nil
}
