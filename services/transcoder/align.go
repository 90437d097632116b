package transcoder

import (
	"context"
	"fmt"
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// align makes sure that the segments can be joined by copying, and returns their parameter sets' hash: a decoder is told the
// parameter sets of the first only. They differ when transcoders have other builds of FFmpeg or x264 than each other. Then
// those that are unlike the first are encoded once more, here, and if this transcoder's are unlike it too, all of them.
func (h handler) align(ctx context.Context, t *stage.Task, p msg.ConcatParams, names []string, made []msg.VideoFacts) (string, error) {
	wanted := made[0].Parameters
	var own string
	for i := range names {
		if made[i].Parameters == wanted {
			continue
		}
		t.Log.Warn().Str("segment", names[i]).
			Msg("encoded by another build of FFmpeg or x264, and so once more: give all transcoders the same")
		var err error
		if own, err = h.encodeAgain(ctx, t, p, names[i], p.Frames[i]); err != nil {
			return "", err
		}
		made[i].Parameters = own
	}
	if own == "" || own == wanted {
		return wanted, nil
	}
	for i, name := range names {
		if made[i].Parameters == own {
			continue
		}
		again, err := h.encodeAgain(ctx, t, p, name, p.Frames[i])
		if err != nil {
			return "", err
		}
		if again != own {
			return "", fmt.Errorf("%s has other parameter sets than the rest, though it was encoded as they were", name)
		}
	}
	return own, nil
}

// encodeAgain replaces the file of a segment by one that this transcoder has encoded, and returns its parameter sets' hash.
func (h handler) encodeAgain(ctx context.Context, t *stage.Task, p msg.ConcatParams, name string, frames int) (string, error) {
	if err := os.Rename(path(t, name), path(t, fileForeign)); err != nil {
		return "", fmt.Errorf("encode %s again: %w", name, err)
	}
	err := encodeWithin(t.Log, t.Dir, name, levelFor(p.Width, p.Height, p.Rate), p.Rate, frames, againArgs(p, name, h.threads),
		func(args []string) error { return h.tools.Run(ctx, t.Dir, args, nil) })
	if err != nil {
		return "", fmt.Errorf("encode %s again: %w", name, err)
	}
	facts, err := measure(t.Dir, name, expected{width: p.Width, height: p.Height, rate: p.Rate, frames: frames})
	if err != nil {
		return "", fmt.Errorf("encode %s again: %w", name, err)
	}
	return facts.Parameters, nil
}

// fileForeign is a segment of another build, in the task's folder.
const fileForeign = "foreign.mp4"

// againArgs is the command line that encodes a segment once more.
func againArgs(p msg.ConcatParams, name string, threads int) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.Input(fileForeign, movFormats)...)
	args = append(args, "-map", "0:v:0", "-fps_mode", "passthrough",
		// What the file says of its colours goes into the parameter sets.
		"-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,setsar=1")
	args = append(args, encoderArgs(p.Width, p.Height, p.Rate, p.Quality, threads)...)
	// FFmpeg 7 writes where the decoder says that chroma is, not where it is told to.
	args = append(args, "-bsf:v", "h264_metadata=chroma_sample_loc_type=1")
	return append(args, "-map_metadata", "-1", "-video_track_timescale", timescale(p.Rate), "-f", "mp4", "file:"+name)
}
