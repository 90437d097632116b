package transcoder

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// A segment shows a slice of the facecam: the frames that are due at its place on the timeline.
// Which ones these are is decided by absolute time stamps and frame numbers, so it does not depend
// on where decoding starts, as long as the frame that is shown first is decoded too.

const (
	// seekMargin is how long before its slice a segment asks for a keyframe. Most containers look
	// for it by the time of decoding, which is earlier than that of showing.
	seekMargin = time.Second
	// worthSeeking is how long a facecam is from which seeking in it saves something.
	worthSeeking = 6 * time.Second
	// maxKeyGap bounds how much is decoded to try seeking.
	maxKeyGap = 20 * time.Second
	// tried is how much after a keyframe is compared.
	tried = 1500 * time.Millisecond
	// intoGroup is how far behind a keyframe the seek that shall find it goes: for matroska, FFmpeg
	// takes off 130 ms.
	intoGroup = 200 * time.Millisecond
)

// seekFor returns where decoding may start for a slice that begins at the time at, nil for the
// start of the file.
func seekFor(seekable bool, start, at time.Duration) *time.Duration {
	if !seekable || at <= seekMargin {
		return nil
	}
	seek := start + at - seekMargin
	return &seek
}

// input opens the facecam.
func (b bubbleSource) input() []string {
	var seek []string
	if b.seek != nil {
		seek = seekOptions(*b.seek)
	}
	// A stream whose size changes must not restart the filters: they would count frames from zero
	// again.
	return ffmpeg.Input(fileFacecam, ffmpeg.Containers, slices.Concat(pictureDecoder(b.stream), seek, []string{"-reinit_filter", "0"})...)
}

// pictureDecoder are the options of the decoder of a facecam's pictures.
func pictureDecoder(s ffmpeg.Stream) []string {
	if s.Decoder == "" {
		return boundedDecoder
	}
	return slices.Concat(boundedDecoder, []string{"-c:" + strconv.Itoa(s.Index), s.Decoder})
}

// seekOptions start decoding at the keyframe at or before a time stamp. Nothing that is decoded is
// dropped: FFmpeg's own way of doing that, by seconds, is off by a frame here and there.
func seekOptions(stamp time.Duration) []string {
	return []string{"-noaccurate_seek", "-seek_timestamp", "1", "-ss", ffmpeg.Seconds(stamp)}
}

// frames are the filters that bring the facecam to the video's rate and take the slice. The frame
// that is decoded first stands for all that is before it, so that counting starts at the start of
// the timeline wherever decoding does.
func (b bubbleSource) frames(rate msg.Rate, first, count int) string {
	return ffmpeg.Chain("", "", b.deinterlace(),
		fmt.Sprintf("setpts=round(PTS-(%s)/TB)", ffmpeg.Seconds(b.start)),
		"fps="+rate.String()+":start_time=0",
		fmt.Sprintf("trim=start_frame=%d:end_frame=%d", first, first+count),
		"setpts=PTS-STARTPTS")
}

// deinterlace are the filters that make a whole picture of the first of the two fields of each that
// is interlaced.
func (b bubbleSource) deinterlace() string {
	if !b.stream.Interlaced {
		return ""
	}
	// scale keeps the first picture's size: bwdif does not follow one that changes.
	return "scale,bwdif=mode=send_frame:deint=interlaced"
}

// seekable tries whether decoding may start at a keyframe: the frames after one in the middle must
// be the same, pixel by pixel, when decoding starts there and when it starts at the keyframe
// before. They are not in files whose keyframes are not whole pictures (intra refresh), or whose
// index is wrong.
func (h handler) seekable(ctx context.Context, dir string, video ffmpeg.Stream, timing ffmpeg.Timing) (bool, error) {
	key, before := video.At(timing.Key), video.At(timing.KeyBefore)
	if timing.Length(video) < worthSeeking || key == before || key-before > maxKeyGap {
		return false, nil
	}
	var found [2][]byte
	for i, from := range []time.Duration{before, key} {
		out, err := h.tools.Within(decoding).Output(ctx, dir, framesArgs(video, from+intoGroup, key, key+tried), maxFrames)
		switch {
		case ffmpeg.OwnFailure(err):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("try seeking: %w", err)
		}
		found[i] = out
	}
	return bytes.Equal(found[0], found[1]) && bytes.Count(found[0], []byte("\n0,")) > 0, nil
}

// maxFrames bounds the list of frames that seekable reads.
const maxFrames = 1 << 20

// framesArgs is the command line that prints time stamp and hash of the frames from one time stamp
// to another, having asked for the keyframe before seek.
func framesArgs(video ffmpeg.Stream, seek, from, to time.Duration) []string {
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, ffmpeg.Input(fileFacecam, ffmpeg.Containers, slices.Concat(pictureDecoder(video), seekOptions(seek))...)...)
	return append(args,
		"-map", "0:"+strconv.Itoa(video.Index), "-vf", fmt.Sprintf("trim=start=%s:end=%s", ffmpeg.Seconds(from), ffmpeg.Seconds(to)),
		"-fps_mode", "passthrough", "-f", "framemd5", "-")
}
