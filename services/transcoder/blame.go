package transcoder

import (
	"context"
	"errors"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// What is wrong with a facecam that cannot be decoded, as the end of a sentence that starts "The facecam".
const (
	badPicture = "is damaged, or in a format that cannot be decoded."
	badSound   = "has sound that cannot be decoded."
)

// refuse turns the failure of a program to read the facecam into an error for the user. Other failures are ours.
func (h handler) refuse(err error, what string) error {
	if failedByItself(err) {
		return facecam.NotVideo(what, err)
	}
	return err
}

// failedByItself reports whether a program failed of what it was given to do.
func failedByItself(err error) bool {
	var exit *ffmpeg.ExitError
	return errors.As(err, &exit) && exit.Own()
}

// blame says whose failure it is that a program ended with which read the facecam and files of ours: how it ended does not tell.
// alone is the command line that does with the facecam what that program did, and nothing else. If that fails too, the error is for the
// user, and says what is wrong; else the failure is ours, as it was.
func (h handler) blame(ctx context.Context, dir string, failure error, limits ffmpeg.Limits, alone []string, what string) error {
	if !failedByItself(failure) {
		return failure
	}
	if err := h.tools.Within(limits).Run(ctx, dir, alone, nil); err != nil {
		return h.refuse(err, what)
	}
	return failure
}

// aloneArgs is the command line that decodes a segment's slice of the facecam, and brings it to the bubble's size and the video's colours.
func (b bubbleSource) aloneArgs(p msg.NormalizeParams) []string {
	width, height := cover(b.stream.Width, b.stream.Height, b.bubble.Width, b.bubble.Height)
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, b.input()...)
	return append(args,
		"-filter_complex", "[0:"+strconv.Itoa(b.stream.Index)+"]"+b.frames(p.Rate, p.FirstFrame, p.Frames)+","+
			facecamToBT709(b.stream, width, height)+"[out]",
		"-map", "[out]", "-fps_mode", "passthrough", "-f", "null", "-")
}
