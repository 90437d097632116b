package transcoder

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// align makes sure that the segments can be joined by copying, and returns their parameter sets'
// hash: a decoder is told the parameter sets of the first only. They differ when transcoders have
// other builds of FFmpeg or x264 than each other. Then those that are unlike what this transcoder
// makes are encoded once more, here.
func (h handler) align(ctx context.Context, t *stage.Task, p msg.ConcatParams, names []string, made []msg.VideoFacts) (string, error) {
	first := made[0].Parameters
	if !slices.ContainsFunc(made, func(f msg.VideoFacts) bool { return f.Parameters != first }) {
		return first, nil
	}
	own, err := h.ownParameters(ctx, t, p, names[0])
	if err != nil {
		return "", err
	}
	total, behind := 0, 0
	for i, n := range p.Frames {
		if made[i].Parameters != own {
			total += n
		}
	}
	at := func(n int) float64 { return 0.3 + 0.2*float64(n)/float64(total) }
	for i, name := range names {
		if made[i].Parameters == own {
			continue
		}
		t.Log.Warn().Str("segment", name).
			Msg("it has other parameter sets than this transcoder makes, and so is encoded once more: " +
				"give all transcoders the same release of loom-lite, FFmpeg and x264")
		n := p.Frames[i]
		again, err := h.encodeAgain(ctx, t, p, name, n, frames(t, n, at(behind), at(behind+n)))
		if err != nil {
			return "", err
		}
		if again != own {
			return "", fmt.Errorf("%s has other parameter sets than the rest, though it was encoded as they were", name)
		}
		behind += n
	}
	return own, nil
}

// ownParameters returns the hash of the parameter sets that this transcoder makes, whatever it
// encodes: a segment's first frame here.
func (h handler) ownParameters(ctx context.Context, t *stage.Task, p msg.ConcatParams, segment string) (string, error) {
	if err := h.tools.Run(ctx, t.Dir, againArgs(p, segment, fileOwn, h.threads, "-frames:v", "1"), nil); err != nil {
		return "", fmt.Errorf("encode a frame of %s: %w", segment, err)
	}
	facts, err := measure(t.Dir, fileOwn, expected{width: p.Width, height: p.Height, rate: p.Rate, frames: 1})
	if err != nil {
		return "", fmt.Errorf("encode a frame of %s: %w", segment, err)
	}
	return facts.Parameters, nil
}

// encodeAgain replaces the file of a segment by one that this transcoder has encoded, and returns
// its parameter sets' hash.
func (h handler) encodeAgain(
	ctx context.Context, t *stage.Task, p msg.ConcatParams, name string, frames int, progress func(ffmpeg.Progress),
) (string, error) {
	if err := os.Rename(path(t, name), path(t, fileForeign)); err != nil {
		return "", fmt.Errorf("encode %s again: %w", name, err)
	}
	args := againArgs(p, fileForeign, name, h.threads)
	err := encodeWithin(t.Log, t.Dir, name, levelFor(p.Width, p.Height, p.Rate), p.Rate, frames, args,
		func(args []string) error { return h.tools.Run(ctx, t.Dir, args, progress) })
	if err != nil {
		return "", fmt.Errorf("encode %s again: %w", name, err)
	}
	facts, err := measure(t.Dir, name, expected{width: p.Width, height: p.Height, rate: p.Rate, frames: frames})
	if err != nil {
		return "", fmt.Errorf("encode %s again: %w", name, err)
	}
	return facts.Parameters, nil
}

// Files in the task's folder.
const (
	// fileForeign is a segment of another build.
	fileForeign = "foreign.mp4"
	// fileOwn is a frame of this one.
	fileOwn = "own.mp4"
)

// againArgs is the command line that encodes the segment from once more, into the file to. more are
// options of that file.
func againArgs(p msg.ConcatParams, from, to string, threads int, more ...string) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(from, ffmpeg.OwnContainers)...)
	args = append(args, "-map", "0:v:0", "-fps_mode", "passthrough",
		// What the file says of its colours goes into the parameter sets.
		"-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,setsar=1")
	args = append(args, encoderArgs(p.Width, p.Height, p.Rate, p.Quality, threads)...)
	// FFmpeg 7 writes where the decoder says that chroma is, not where it is told to.
	args = append(args, "-bsf:v", "h264_metadata=chroma_sample_loc_type=1")
	args = append(args, more...)
	return append(args, "-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate), "-f", "mp4", "file:"+to)
}
