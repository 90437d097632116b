package transcoder

import (
	"fmt"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Files in a task's folder.
const (
	fileList   = "segments.ffconcat"
	fileJoined = "joined.mp4"
)

// concatList is the script that names the segments. Each has its exact length: FFmpeg's own idea of
// it lacks the last frame's duration or not, depending on the file. The lengths are differences of
// places on the whole timeline, so that rounding them to microseconds does not add up.
func concatList(rate msg.Rate, names []string, frames []int) string {
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

// concatArgs is the command line that joins segments without touching a packet's content.
func concatArgs(p msg.ConcatParams) []string {
	_, perFrame := p.Rate.Timescale()
	// Microseconds are no whole number of ticks: put every time stamp back on its frame.
	snap := func(stamp string) string { return fmt.Sprintf("round(%s/%d)*%d", stamp, perFrame, perFrame) }
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(fileList, "concat,"+ffmpeg.OwnContainers, "-f", "concat", "-safe", "1")...)
	if len(p.Captions) > 0 {
		args = append(args, captionsInput()...)
	}
	args = append(args,
		"-map", "0:v:0", "-c:v", "copy",
		"-bsf:v", fmt.Sprintf("setts=pts=%s:dts=%s:duration=%d", snap("PTS"), snap("DTS"), perFrame),
		"-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate),
	)
	if len(p.Captions) > 0 {
		args = append(args, captionsTrack(1, p.Language)...)
	}
	if p.Final {
		args = append(args, "-movflags", "+faststart")
	}
	return append(args, "-f", "mp4", "file:"+fileJoined)
}
