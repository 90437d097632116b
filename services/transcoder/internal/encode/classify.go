package encode

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
)

// FFmpeg prints an error for a picture that it cannot decode, repeats the one before, and goes on.
// That will do for a facecam, which is as its owner made it, but not for a mezzanine. FFmpeg can
// stop at the first error only for all inputs together.

// runSegment runs the command line that encodes a segment. If FFmpeg fails, or prints any error,
// the mezzanines must be whole, and the facecam must do when it is decoded alone: how FFmpeg ends
// depends on how many pictures of all of its inputs it could decode.
func runSegment(
	ctx context.Context, tools ffmpeg.Tools, dir string, p msg.NormalizeParams, face *picture.Bubble, args []string, progress func(ffmpeg.Progress),
) error {
	printed, failure := tools.RunInfo(ctx, dir, args, progress)
	if failure == nil && printed == "" || failure != nil && !ffmpeg.OwnFailure(failure) {
		return failure
	}
	tools = tools.Fed(nil)
	names := []string{picture.MezzanineFile}
	if p.Crossfade {
		names = append(names, picture.NextFile)
	}
	for _, name := range names {
		err := tools.Run(ctx, dir, wholeArgs(name), nil)
		if ffmpeg.OwnFailure(err) {
			return fmt.Errorf("%s is damaged: %w", name, err)
		}
		if err != nil {
			return err
		}
	}
	if face != nil {
		if err := tools.Run(ctx, dir, face.AloneArgs(p), nil); err != nil {
			return facecam.Classify(err, facecam.BadPicture)
		}
		if err := face.CheckDecoded(ctx, tools, dir, p.Rate.At(p.FirstFrame+p.Frames)); err != nil {
			return err
		}
	}
	return failure
}

// wholeArgs is the command line that decodes all of a mezzanine, and fails at the first error.
func wholeArgs(name string) []string {
	args := append(ffmpeg.Global("error"), "-xerror")
	return append(append(args, picture.MezzanineInput(name)...), "-map", "0:v:0", "-f", "null", "-")
}
