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
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
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
	h := handler{tools: ffmpeg.Tools{FFmpeg: s.FFmpegPath}, threads: service.Cores()}
	names, err := s.encode(ctx, h, pieces)
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("encode: %w", err)
	}
	facts, err := s.join(ctx, h, names)
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("finish: %w", err)
	}
	file, err := os.Open(filepath.Join(s.Dir, fileJoined))
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
func (s Single) encode(ctx context.Context, h handler, pieces <-chan string) (names []string, err error) {
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
		if err := os.Rename(piece, filepath.Join(s.Dir, fileMezzanine)); err != nil {
			return nil, err
		}
		p := s.Params
		p.Frames = frames
		if err := checkReach(filepath.Join(s.Dir, fileMezzanine), p.Rate, frames); err != nil {
			return nil, err
		}
		err := encodeWithin(zerolog.Nop(), s.Dir, fileSegment, levelFor(p.Width, p.Height, p.Rate), p.Rate, p.Frames, normalizeArgs(p, nil, h.threads),
			func(args []string) error { return h.encodeScene(ctx, h.tools, s.Dir, p, nil, args, report) })
		if err != nil {
			return nil, err
		}
		encoded += frames
		names = append(names, msg.SegmentName(i)+".mp4")
		if err := os.Rename(filepath.Join(s.Dir, fileSegment), filepath.Join(s.Dir, names[i])); err != nil {
			return nil, err
		}
		if err := os.Remove(filepath.Join(s.Dir, fileMezzanine)); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// join makes the finished file of the segments, and measures it.
func (s Single) join(ctx context.Context, h handler, names []string) (msg.VideoFacts, error) {
	p := s.Params
	list := concatList(p.Rate, names, s.Pieces)
	if err := os.WriteFile(filepath.Join(s.Dir, fileList), []byte(list), 0o600); err != nil {
		return msg.VideoFacts{}, err
	}
	if err := h.tools.Run(ctx, s.Dir, concatArgs(msg.ConcatParams{Rate: p.Rate, Final: true}), nil); err != nil {
		return msg.VideoFacts{}, err
	}
	return measure(s.Dir, fileJoined, expected{width: p.Width, height: p.Height, rate: p.Rate, frames: p.Frames})
}
