package join

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/captions"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// File is what Join writes, in the task's folder.
const File = "joined.mp4"

// listFile names the segments for FFmpeg.
const listFile = "segments.ffconcat"

// Join joins the segments in the files names, of p.Frames frames each, into File, with the captions
// as a track.
func Join(ctx context.Context, tools ffmpeg.Tools, dir string, p msg.ConcatParams, names []string, progress func(ffmpeg.Progress)) error {
	list := script(p.Rate, names, p.Frames)
	if err := os.WriteFile(filepath.Join(dir, listFile), []byte(list), 0o600); err != nil {
		return fmt.Errorf("write the list of segments: %w", err)
	}
	if len(p.Captions) > 0 {
		if err := captions.WriteTrack(dir, p.Captions); err != nil {
			return err
		}
	}
	return tools.Run(ctx, dir, args(p), progress)
}

// script is the content of listFile. It gives each segment's exact length: FFmpeg's own idea of it
// lacks the last frame's duration or not, depending on the file. The lengths are differences of
// places on the whole timeline, so that rounding them to microseconds does not add up.
func script(rate msg.Rate, names []string, frames []int) string {
	var b strings.Builder
	b.WriteString("ffconcat version 1.0\n")
	end, at := 0, time.Duration(0)
	for i, name := range names {
		end += frames[i]
		next := rate.At(end).Round(time.Microsecond)
		fmt.Fprintf(&b, "file %s\nduration %s\n", name, ffmpeg.Seconds(next-at))
		at = next
	}
	return b.String()
}

// args is the command line of Join.
func args(p msg.ConcatParams) []string {
	_, perFrame := p.Rate.Timescale()
	// Microseconds are no whole number of ticks: put every time stamp back on its frame.
	snap := func(stamp string) string { return fmt.Sprintf("round(%s/%d)*%d", stamp, perFrame, perFrame) }
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(listFile, "concat,"+ffmpeg.OwnContainers, "-f", "concat", "-safe", "1")...)
	if len(p.Captions) > 0 {
		args = append(args, captions.TrackInput()...)
	}
	args = append(args,
		"-map", "0:v:0", "-c:v", "copy",
		"-bsf:v", fmt.Sprintf("setts=pts=%s:dts=%s:duration=%d", snap("PTS"), snap("DTS"), perFrame),
		"-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate),
	)
	if len(p.Captions) > 0 {
		args = append(args, captions.Track(1, p.Language)...)
	}
	if p.Final {
		args = append(args, "-movflags", "+faststart")
	}
	return append(args, "-f", "mp4", "file:"+File)
}
