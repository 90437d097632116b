package transcoder

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// A picture that cannot be decoded makes FFmpeg print an error, repeat the one before, and go on.
// That will do for a facecam, which is as its owner made it, but not for a mezzanine. FFmpeg ends
// at the first error only if it may at those of all inputs.

// mezzanineInput opens a mezzanine. What a decoder would guess of a damaged picture is an error.
func mezzanineInput(name string) []string {
	return ffmpeg.Input(name, ffmpeg.OwnContainers, "-err_detect", "explode")
}

// encodeScene runs the command line that encodes a segment, of mezzanines and perhaps a facecam. If
// FFmpeg fails or prints any error on the way, the mezzanines must be whole, and the facecam must
// do when it is decoded alone: how FFmpeg ends depends on how many pictures of all of its inputs
// could be decoded.
func (h handler) encodeScene(
	ctx context.Context, tools ffmpeg.Tools, dir string, p msg.NormalizeParams, face *bubbleSource, args []string, progress func(ffmpeg.Progress),
) error {
	printed, failure := tools.RunInfo(ctx, dir, args, progress)
	if failure == nil && printed == "" || failure != nil && !ffmpeg.OwnFailure(failure) {
		return failure
	}
	names := []string{fileMezzanine}
	if p.Crossfade {
		names = append(names, fileNext)
	}
	for _, name := range names {
		err := tools.Fed(nil).Run(ctx, dir, wholeArgs(name), nil)
		if ffmpeg.OwnFailure(err) {
			return fmt.Errorf("%s is damaged: %w", name, err)
		}
		if err != nil {
			return err
		}
	}
	if face != nil {
		if err := h.facecamAlone(ctx, tools.Fed(nil), dir, p, face); err != nil {
			return err
		}
	}
	return failure
}

// wholeArgs is the command line that decodes all of a mezzanine, and fails at the first error.
func wholeArgs(name string) []string {
	args := append(ffmpeg.Global("error"), "-xerror")
	return append(append(args, mezzanineInput(name)...), "-map", "0:v:0", "-f", "null", "-")
}
