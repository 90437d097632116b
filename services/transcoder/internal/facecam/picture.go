package facecam

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Picture is a facecam's picture, opened for the slice that a segment shows: the frames that are
// due at its place on the timeline. Absolute time stamps and frame numbers decide which ones these
// are, so it does not depend on where decoding starts, as long as the frame that is shown first is
// decoded too.
type Picture struct {
	// Stream is the facecam's video stream.
	Stream ffmpeg.Stream
	// Start is the earliest time stamp of all of the facecam's streams: picture and sound count
	// from there.
	Start time.Duration
	// Seek is the time stamp at which decoding may start; nil for the start of the file.
	Seek *time.Duration
}

// PictureAt returns the picture of a facecam for a segment that begins at the time at.
func PictureAt(file ffmpeg.File, facts msg.ProbeFacts, at time.Duration) (Picture, error) {
	for _, s := range file.Streams {
		if s.Index == facts.VideoStream && s.Type == "video" {
			return Picture{Stream: s, Start: file.Start, Seek: seekFor(facts.Seekable, file.Start, at)}, nil
		}
	}
	return Picture{}, fmt.Errorf("the facecam has no video stream %d", facts.VideoStream)
}

// Input returns the options that open the facecam.
func (p Picture) Input() []string {
	var seek []string
	if p.Seek != nil {
		seek = seekOptions(*p.Seek)
	}
	// A stream whose size changes must not restart the filters: they would count frames from zero
	// again.
	return ffmpeg.Input(File, ffmpeg.Containers, slices.Concat(decoderOptions(p.Stream), seek, []string{"-reinit_filter", "0"})...)
}

// decoderOptions are those of the decoder of a facecam's pictures.
func decoderOptions(s ffmpeg.Stream) []string {
	if s.Decoder == "" {
		return boundedDecoder
	}
	return slices.Concat(boundedDecoder, []string{"-c:" + strconv.Itoa(s.Index), s.Decoder})
}

// Frames returns the filters that bring the facecam to the video's rate and take the slice of count
// frames from frame first of the timeline. The frame that is decoded first stands for all that is
// before it, so that counting starts at the start of the timeline wherever decoding does.
func (p Picture) Frames(rate msg.Rate, first, count int) string {
	return ffmpeg.Chain("", "", p.deinterlace(),
		fmt.Sprintf("setpts=round(PTS-(%s)/TB)", ffmpeg.Seconds(p.Start)),
		"fps="+rate.String()+":start_time=0",
		fmt.Sprintf("trim=start_frame=%d:end_frame=%d", first, first+count),
		"setpts=PTS-STARTPTS")
}

// deinterlace returns the filters that make a whole picture of the first of the two fields of each
// interlaced one.
func (p Picture) deinterlace() string {
	if !p.Stream.Interlaced {
		return ""
	}
	// scale keeps the first picture's size: bwdif does not follow one that changes.
	return "scale,bwdif=mode=send_frame:deint=interlaced"
}

// CheckDecoded fails when less than a third of the packets up to a time of the timeline can be
// decoded. FFmpeg 5 fails itself then; FFmpeg 7 does not, however little is left.
func (p Picture) CheckDecoded(ctx context.Context, tools ffmpeg.Tools, dir string, until time.Duration) error {
	from := p.Start
	if p.Seek != nil {
		from = *p.Seek
	}
	packets, frames, err := tools.Decoded(ctx, dir, File, ffmpeg.Containers, p.Stream.Index, from, p.Start+until, boundedDecoder...)
	if err != nil {
		return Classify(err, BadPicture)
	}
	if 3*frames < packets {
		return notVideo(BadPicture, fmt.Errorf("of %d packets, %d could be decoded", packets, frames))
	}
	return nil
}
