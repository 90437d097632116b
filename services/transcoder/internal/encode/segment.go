package encode

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
)

// SegmentFile is what Segment writes, in the task's folder.
const SegmentFile = "segment.mp4"

// Encoder makes segments in a task's folder.
type Encoder struct {
	Tools ffmpeg.Tools
	Log   zerolog.Logger
	// Dir is the task's folder.
	Dir string
	// Threads is how many threads x264 may use.
	Threads int
}

// Segment encodes the mezzanine in the task's folder into SegmentFile, and writes fingerprints of
// some frames. face is nil for a segment without a bubble.
func (e Encoder) Segment(ctx context.Context, p msg.NormalizeParams, face *picture.Bubble, progress func(ffmpeg.Progress)) error {
	run := func(args []string) error {
		tools := e.Tools
		if face != nil {
			tools = tools.Within(limits(p, e.Threads))
			if animation := face.Animation(p); animation != nil {
				tools = tools.Fed(animation)
			}
		}
		return runSegment(ctx, tools, e.Dir, p, face, args, progress)
	}
	return e.withinLevel(SegmentFile, levelFor(p.Width, p.Height, p.Rate), p.Rate, p.Frames, segmentArgs(p, face, e.Threads), run)
}

// segmentArgs is the command line that encodes a segment.
func segmentArgs(p msg.NormalizeParams, face *picture.Bubble, threads int) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	// Time stamps as they are in the files: FFmpeg's own idea of where a file starts depends on the
	// streams in use.
	args = append(args, "-copyts")
	args = append(args, picture.Inputs(p, face)...)
	args = append(args,
		"-filter_complex", picture.Filter(p, face), "-map", "[out]",
		"-frames:v", strconv.Itoa(p.Frames), "-fps_mode", "passthrough",
	)
	args = append(args, x264Args(p.Width, p.Height, p.Rate, p.Quality, threads)...)
	args = append(args,
		"-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate), "-f", "mp4", "file:"+SegmentFile)
	return append(args, fingerprint.Output()...)
}

const mib = 1 << 20

// limits bound ffmpeg when it decodes a facecam too. The file is bounded by the size of the
// pictures when they are not compressed at all.
func limits(p msg.NormalizeParams, threads int) ffmpeg.Limits {
	return ffmpeg.Limits{
		Memory: int64(4096+128*threads) * mib,
		CPU:    30*time.Minute + time.Duration(p.Frames)*5*time.Second,
		File:   64*mib + 2*int64(p.Frames)*int64(p.Width)*int64(p.Height),
	}
}

// CheckMezzanine makes sure that a mezzanine lasts for all frames of its piece, the time included
// for which its last picture is shown: the encoder would repeat that picture for what is missing,
// and nobody would notice.
func CheckMezzanine(path string, rate msg.Rate, frames int) error {
	lasts, err := mp4.Length(path)
	if err != nil {
		return fmt.Errorf("read the index of %s: %w", filepath.Base(path), err)
	}
	if want := rate.At(frames); lasts < want-rate.At(1)/2 {
		return fmt.Errorf("%s lasts %s, want %s for %d frames", filepath.Base(path), lasts, want, frames)
	}
	return nil
}
