package join

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/encode"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/verify"
)

// Files in the task's folder.
const (
	// foreignFile is a segment of another build, while it is encoded once more.
	foreignFile = "foreign.mp4"
	// ownFile is a frame that this build has encoded.
	ownFile = "own.mp4"
)

// Align makes sure that the segments in the files names can be joined by copying, and returns the
// hash of their parameter sets: a joined file holds only those of the first segment. They differ
// when transcoders have different builds of FFmpeg or x264. Then Align encodes those segments once
// more that are not what this transcoder makes.
//
// made are the segments' facts. progress is given frames of all that is encoded, of total.
func Align(
	ctx context.Context, e encode.Encoder, p msg.ConcatParams, names []string, made []msg.VideoFacts, progress func(frames, total int),
) (parameters string, err error) {
	first := made[0].Parameters
	if !slices.ContainsFunc(made, func(f msg.VideoFacts) bool { return f.Parameters != first }) {
		return first, nil
	}
	own, err := ownParameters(ctx, e, p, names[0])
	if err != nil {
		return "", err
	}
	total, done := 0, 0
	for i, n := range p.Frames {
		if made[i].Parameters != own {
			total += n
		}
	}
	for i, name := range names {
		if made[i].Parameters == own {
			continue
		}
		e.Log.Warn().Str("segment", name).
			Msg("the segment has other parameter sets than this transcoder makes, and is encoded once more: " +
				"give all transcoders the same release of loom-lite, FFmpeg and x264")
		again, err := encodeAgain(ctx, e, p, name, p.Frames[i], func(r ffmpeg.Progress) { progress(done+min(r.Frame, p.Frames[i]), total) })
		if err != nil {
			return "", fmt.Errorf("encode %s again: %w", name, err)
		}
		if again != own {
			return "", fmt.Errorf("%s has other parameter sets than the rest, though it was encoded as they were", name)
		}
		done += p.Frames[i]
	}
	return own, nil
}

// ownParameters returns the hash of the parameter sets that this transcoder makes. They are the
// same whatever it encodes: here, a segment's first frame.
func ownParameters(ctx context.Context, e encode.Encoder, p msg.ConcatParams, segment string) (string, error) {
	err := e.FirstFrame(ctx, p, segment, ownFile)
	var parameters string
	if err == nil {
		parameters, err = measureParameters(e.Dir, ownFile, p, 1)
	}
	if err != nil {
		return "", fmt.Errorf("encode a frame of %s: %w", segment, err)
	}
	return parameters, nil
}

// encodeAgain replaces the file of a segment by one that this transcoder has encoded, and returns
// the hash of its parameter sets.
func encodeAgain(
	ctx context.Context, e encode.Encoder, p msg.ConcatParams, name string, frames int, progress func(ffmpeg.Progress),
) (string, error) {
	if err := os.Rename(filepath.Join(e.Dir, name), filepath.Join(e.Dir, foreignFile)); err != nil {
		return "", err
	}
	if err := e.Again(ctx, p, foreignFile, name, frames, progress); err != nil {
		return "", err
	}
	return measureParameters(e.Dir, name, p, frames)
}

func measureParameters(dir, name string, p msg.ConcatParams, frames int) (string, error) {
	facts, err := verify.Measure(dir, name, verify.Expected{Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: frames})
	return facts.Parameters, err
}
