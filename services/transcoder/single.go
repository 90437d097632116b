package transcoder

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/encode"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/join"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/verify"
)

// Single makes a video of one scene without tasks, while it is being recorded.
type Single struct {
	// FFmpegPath is the program, as a path or as a name to look up in PATH.
	FFmpegPath string
	// Dir is a folder for what is made on the way, which is left in it.
	Dir string
	// Params say how the scene is encoded, as those of a normalize task do; there is no facecam and
	// no watermark.
	Params msg.NormalizeParams
	// Pieces are the frames of each piece of the mezzanine, in order: all of Params.Frames
	// together.
	Pieces []int
	// Progress is called with the fraction that is done, 0 to 1. It may be nil.
	Progress func(fraction float64)
}

// Write encodes the mezzanine as renders do, and writes the finished file to w. It receives the
// files of the pieces, in order, as they are recorded, and removes each. It returns what was
// measured on the video.
func (s Single) Write(ctx context.Context, pieces <-chan string, w io.Writer) (msg.VideoFacts, error) {
	h := encode.Encoder{Tools: ffmpeg.Tools{FFmpeg: s.FFmpegPath}, Log: zerolog.Nop(), Dir: s.Dir, Threads: service.Cores()}
	names, err := s.encode(ctx, h, pieces)
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("encode: %w", err)
	}
	facts, err := s.join(ctx, h, names)
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("finish: %w", err)
	}
	file, err := os.Open(filepath.Join(s.Dir, join.File))
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("finish: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(w, file); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("write the video: %w", err)
	}
	return facts, nil
}

// encode makes a segment of each piece and returns their names.
func (s Single) encode(ctx context.Context, h encode.Encoder, pieces <-chan string) (names []string, err error) {
	encoded := 0
	report := func(p ffmpeg.Progress) {
		if s.Progress != nil {
			s.Progress(min(1, float64(encoded+p.Frame)/float64(max(1, s.Params.Frames))))
		}
	}
	for i, frames := range s.Pieces {
		var piece string
		var more bool
		select {
		case piece, more = <-pieces:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !more {
			return nil, fmt.Errorf("the recording ended after %d of %d pieces", i, len(s.Pieces))
		}
		if err := os.Rename(piece, filepath.Join(s.Dir, picture.MezzanineFile)); err != nil {
			return nil, err
		}
		p := s.Params
		p.Frames = frames
		if err := encode.CheckMezzanine(filepath.Join(s.Dir, picture.MezzanineFile), p.Rate, frames); err != nil {
			return nil, err
		}
		if err := h.Segment(ctx, p, nil, report); err != nil {
			return nil, err
		}
		encoded += frames
		names = append(names, msg.SegmentName(i)+".mp4")
		if err := os.Rename(filepath.Join(s.Dir, encode.SegmentFile), filepath.Join(s.Dir, names[i])); err != nil {
			return nil, err
		}
		if err := os.Remove(filepath.Join(s.Dir, picture.MezzanineFile)); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// join makes the finished file of the segments, and measures it.
func (s Single) join(ctx context.Context, h encode.Encoder, names []string) (msg.VideoFacts, error) {
	p := s.Params
	all := msg.ConcatParams{Rate: p.Rate, Frames: s.Pieces, Final: true}
	if err := join.Join(ctx, h.Tools, s.Dir, all, names, nil); err != nil {
		return msg.VideoFacts{}, err
	}
	return verify.Measure(s.Dir, join.File, verify.Expected{Width: p.Width, Height: p.Height, Rate: p.Rate, Frames: p.Frames})
}
