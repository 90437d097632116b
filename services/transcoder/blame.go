package transcoder

import (
	"context"
	"fmt"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// What is wrong with a facecam that cannot be decoded, as the end of a sentence that starts "The
// facecam".
const (
	badPicture = "is damaged, or in a format that cannot be decoded."
	badSound   = "has sound that cannot be decoded."
)

// refuse turns the failure of a program to read the facecam into an error for the user. Other
// failures are ours.
func (h handler) refuse(err error, what string) error {
	if ffmpeg.OwnFailure(err) {
		return facecam.NotVideo(what, err)
	}
	return err
}

// facecamAlone fails when a segment's slice of the facecam cannot be decoded, or most of it. FFmpeg
// 5 fails itself when it can decode less than a third; FFmpeg 7 does not, whatever is left.
func (h handler) facecamAlone(ctx context.Context, tools ffmpeg.Tools, dir string, p msg.NormalizeParams, face *bubbleSource) error {
	if err := tools.Run(ctx, dir, face.aloneArgs(p), nil); err != nil {
		return h.refuse(err, badPicture)
	}
	from := face.start
	if face.seek != nil {
		from = *face.seek
	}
	packets, frames, err := tools.Decoded(ctx, dir, fileFacecam, ffmpeg.Containers, face.stream.Index, from,
		face.start+p.Rate.At(p.FirstFrame+p.Frames), boundedDecoder...)
	if err != nil {
		return h.refuse(err, badPicture)
	}
	if 3*frames < packets {
		return facecam.NotVideo(badPicture, fmt.Errorf("of %d packets, %d could be decoded", packets, frames))
	}
	return nil
}

// aloneArgs is the command line that decodes a segment's slice of the facecam, and brings it to the
// bubble's size and the video's colours.
func (b bubbleSource) aloneArgs(p msg.NormalizeParams) []string {
	width, height := cover(b.stream.Width, b.stream.Height, b.bubble.Width, b.bubble.Height)
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, b.input()...)
	return append(args,
		"-filter_complex", "[0:"+strconv.Itoa(b.stream.Index)+"]"+b.frames(p.Rate, p.FirstFrame, p.Frames)+","+
			facecamToBT709(b.stream, width, height)+"[out]",
		"-map", "[out]", "-fps_mode", "passthrough", "-f", "null", "-")
}
