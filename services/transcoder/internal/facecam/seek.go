package facecam

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

const (
	// seekMargin is how long before its slice a segment asks for a keyframe. Most containers look
	// for it by the time of decoding, which is earlier than that of showing.
	seekMargin = time.Second
	// worthSeeking is how long a facecam must be for seeking in it to save anything.
	worthSeeking = 6 * time.Second
	// maxKeyGap bounds how much is decoded to try seeking.
	maxKeyGap = 20 * time.Second
	// tried is how much after a keyframe is compared.
	tried = 1500 * time.Millisecond
	// intoGroup is how far behind a keyframe we ask for, to be given that keyframe: for Matroska,
	// FFmpeg takes off 130 ms.
	intoGroup = 200 * time.Millisecond
)

// seekFor returns the time stamp at which decoding may start for a slice that begins at the time
// at; nil for the start of the file.
func seekFor(seekable bool, start, at time.Duration) *time.Duration {
	if !seekable || at <= seekMargin {
		return nil
	}
	seek := start + at - seekMargin
	return &seek
}

// seekOptions start decoding at the keyframe at or before a time stamp. FFmpeg drops nothing that
// it decodes: its own way of seeking exactly, by seconds, is off by a frame here and there.
func seekOptions(stamp time.Duration) []string {
	return []string{"-noaccurate_seek", "-seek_timestamp", "1", "-ss", ffmpeg.Seconds(stamp)}
}

// seekable tries whether decoding may start at a keyframe: the frames after one in the middle must
// be the same, pixel by pixel, when decoding starts there and when it starts at the keyframe
// before. They are not in files whose keyframes are not whole pictures (intra refresh), or whose
// index is wrong.
func seekable(ctx context.Context, tools ffmpeg.Tools, dir string, video ffmpeg.Stream, timing ffmpeg.Timing) (bool, error) {
	key, before := video.At(timing.Key), video.At(timing.KeyBefore)
	if timing.Length(video) < worthSeeking || key == before || key-before > maxKeyGap {
		return false, nil
	}
	var found [2][]byte
	for i, from := range []time.Duration{before, key} {
		out, err := tools.Within(decoding).Output(ctx, dir, framesArgs(video, from+intoGroup, key, key+tried), maxFrameList)
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

// maxFrameList bounds the list of frames that seekable reads, in bytes.
const maxFrameList = 1 << 20

// framesArgs is the command line that prints time stamp and hash of the frames from one time stamp
// to another, having asked for the keyframe before seek.
func framesArgs(video ffmpeg.Stream, seek, from, to time.Duration) []string {
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, ffmpeg.Input(File, ffmpeg.Containers, slices.Concat(decoderOptions(video), seekOptions(seek))...)...)
	return append(args,
		"-map", "0:"+strconv.Itoa(video.Index), "-vf", fmt.Sprintf("trim=start=%s:end=%s", ffmpeg.Seconds(from), ffmpeg.Seconds(to)),
		"-fps_mode", "passthrough", "-f", "framemd5", "-")
}
