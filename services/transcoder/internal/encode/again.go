package encode

import (
	"context"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Again encodes a segment of the given number of frames once more, from the file from into the file
// to.
func (e Encoder) Again(ctx context.Context, p msg.ConcatParams, from, to string, frames int, progress func(ffmpeg.Progress)) error {
	run := func(args []string) error { return e.Tools.Run(ctx, e.Dir, args, progress) }
	return e.withinLevel(to, levelFor(p.Width, p.Height, p.Rate), p.Rate, frames, againArgs(p, from, to, e.Threads), run)
}

// FirstFrame encodes the first frame of a segment, from the file from into the file to.
func (e Encoder) FirstFrame(ctx context.Context, p msg.ConcatParams, from, to string) error {
	return e.Tools.Run(ctx, e.Dir, againArgs(p, from, to, e.Threads, "-frames:v", "1"), nil)
}

// againArgs is the command line of Again. more are options of the file to.
func againArgs(p msg.ConcatParams, from, to string, threads int, more ...string) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(from, ffmpeg.OwnContainers)...)
	args = append(args, "-map", "0:v:0", "-fps_mode", "passthrough",
		// What the file says of its colours goes into the parameter sets.
		"-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,setsar=1")
	args = append(args, x264Args(p.Width, p.Height, p.Rate, p.Quality, threads)...)
	// FFmpeg 7 writes the place of chroma that the decoder reports, not the one that it is told.
	args = append(args, "-bsf:v", "h264_metadata=chroma_sample_loc_type=1")
	args = append(args, more...)
	return append(args, "-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate), "-f", "mp4", "file:"+to)
}
