package transcoder

import (
	"fmt"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// A facecam is a stranger's file. These are the bounds of what is taken, and of what a process that
// reads it may use.
const (
	maxPixels = 8192 * 4352 // 8K
	maxSides  = 16384       // of the longer side
	maxTracks = 64
	maxLength = 4 * time.Hour

	mib = 1 << 20
)

// Bounds of a watermark's file, its download and its decoding.
const (
	maxWatermark     = mib
	watermarkTimeout = 2 * time.Minute
	// watermarkDecoding bounds how long it may take to be decoded. A logo takes milliseconds.
	watermarkDecoding = time.Minute
)

// boundedDecoder keeps a decoder from a picture that is larger than the header said, and from one
// in the making for each core.
var boundedDecoder = []string{"-max_pixels", strconv.Itoa(maxPixels), "-threads", "4"}

// Bounds of the processes of a probe. Those of time fit into an attempt at it, together with the
// download: msg.ProbeTimeout.
var (
	// inspecting bounds ffprobe: it keeps an index of all packets, and decodes some.
	inspecting = ffmpeg.Limits{Memory: 1024 * mib, CPU: 5 * time.Minute, File: mib}
	// decoding bounds ffmpeg when it looks at some pictures: a decoder may keep 16 of 8K.
	decoding = ffmpeg.Limits{Memory: 3072 * mib, CPU: 5 * time.Minute, File: mib}
	// hearing bounds ffmpeg when it decodes all of the sound, and measuring when it finds out how
	// loud that is. 20 minutes of sound have taken 54 s of both.
	hearing   = ffmpeg.Limits{Memory: 3072 * mib, CPU: 10 * time.Minute, File: mib}
	measuring = ffmpeg.Limits{Memory: 3072 * mib, CPU: 20 * time.Minute, File: mib}
)

// encoding bounds ffmpeg when it encodes frames of the size given with the facecam's over it. The
// file is bounded by what the pictures are when they are not compressed at all.
func encoding(p msg.NormalizeParams, threads int) ffmpeg.Limits {
	return ffmpeg.Limits{
		Memory: int64(4096+128*threads) * mib,
		CPU:    30*time.Minute + time.Duration(p.Frames)*5*time.Second,
		File:   64*mib + 2*int64(p.Frames)*int64(p.Width)*int64(p.Height),
	}
}

// mixing bounds ffmpeg when it lays the facecam's sound over a picture of some bytes.
func mixing(p msg.OverlayParams, bytes int64) ffmpeg.Limits {
	l := measuring
	l.CPU = 30*time.Minute + time.Duration(p.Frames)*100*time.Millisecond
	l.File = 64*mib + bytes + int64(p.Rate.At(p.Frames).Seconds())*mib/8
	return l
}

// checkHeader judges what a facecam's headers say.
func checkHeader(file ffmpeg.File, video, sound *ffmpeg.Stream) error {
	switch {
	case len(file.Streams) > maxTracks:
		return facecam.NotVideo(fmt.Sprintf("has too many tracks (%d; at most %d will do).", len(file.Streams), maxTracks), nil)
	case video == nil && sound != nil:
		return facecam.NotVideo("holds sound but no picture.", nil)
	case video == nil || video.Codec == "" || video.Width == 0 || video.Height == 0:
		return facecam.NotVideo("holds no picture that can be read.", nil)
	case video.Pixels > maxPixels || max(video.Width, video.Height) > maxSides:
		return facecam.NotVideo(fmt.Sprintf("is too large a picture (%d×%d pixels).", video.Width, video.Height), nil)
	}
	return nil
}

// checkLength judges what a facecam's packets come to.
func checkLength(video ffmpeg.Stream, packets int, length time.Duration) error {
	switch promised := video.Duration; {
	case packets < 2 || length <= 0:
		return facecam.NotVideo("is not a moving picture.", nil)
	case length > maxLength:
		return facecam.NotVideo(fmt.Sprintf("is too long (%s; at most %s will do).", length.Round(time.Second), maxLength), nil)
	case promised > length+cutOff && promised > length+length/20:
		return facecam.NotVideo(fmt.Sprintf("is cut off: %s of %s are there. Was the upload complete?",
			length.Round(time.Second), promised.Round(time.Second)), nil)
	}
	return nil
}
