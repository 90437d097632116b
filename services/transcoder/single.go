package transcoder

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// MezzanineFile is what a Single's mezzanine is called.
const MezzanineFile = fileMezzanine

// Single is a video of one scene, made without a task: Params say how it is encoded, as those of a normalize task do. Params.Facecam is not
// looked at: there is none.
type Single struct {
	// FFmpegPath and FFprobePath are the two programs, as paths or as names to look up in PATH.
	FFmpegPath, FFprobePath string
	// Dir is a folder that holds the mezzanine as MezzanineFile. What is made on the way is left in it.
	Dir    string
	Params msg.NormalizeParams
	// Progress is called with the fraction that is done, 0 to 1. It may be nil.
	Progress func(fraction float64)
}

// Write encodes the mezzanine as renders do, and writes the finished file to w. It returns what was measured on it.
func (s Single) Write(ctx context.Context, w io.Writer) (msg.VideoFacts, error) {
	p := s.Params
	h := handler{tools: ffmpeg.Tools{FFmpeg: s.FFmpegPath, FFprobe: s.FFprobePath}, threads: cores()}
	report := func(frames ffmpeg.Progress) {
		if s.Progress != nil {
			s.Progress(min(1, float64(frames.Frame)/float64(max(1, p.Frames))))
		}
	}
	if err := h.tools.Run(ctx, s.Dir, normalizeArgs(p, nil, h.threads), report); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("encode: %w", err)
	}
	list := concatList(p.Rate, []string{fileSegment}, []int{p.Frames})
	if err := os.WriteFile(filepath.Join(s.Dir, fileList), []byte(list), 0o600); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("finish: %w", err)
	}
	if err := h.tools.Run(ctx, s.Dir, concatArgs(p.Rate, true), nil); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("finish: %w", err)
	}
	facts, err := h.measure(ctx, s.Dir, fileJoined, expected{width: p.Width, height: p.Height, rate: p.Rate, frames: p.Frames})
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
