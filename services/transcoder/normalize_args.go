package transcoder

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Files in a task's folder.
const (
	fileMezzanine = "mezzanine.mov"
	fileNext      = "next.mov"
	fileFacecam   = "facecam"
	filePlate     = "plate.png"
	fileMask      = "mask.png"
	fileColours   = "colours.cube"
	fileSegment   = "segment.mp4"
)

// jpegToBT709 converts what Chrome's JPEGs hold (full-range BT.601 over sRGB primaries) to what
// videos hold. It comes before the frames are repeated, so that a still scene costs one conversion.
// scale, given the same matrices, misses some colours by 4 of 255; this filter does not.
const jpegToBT709 = "colorspace=ispace=bt470bg:iprimaries=bt709:itrc=bt709:irange=pc:" +
	"space=bt709:primaries=bt709:trc=bt709:range=tv:format=yuv420p"

// drawnToBT709 converts a picture that we have drawn.
const drawnToBT709 = "scale=out_color_matrix=bt709:out_range=tv,format=yuva420p"

// bubbleSource is the facecam as normalize needs to know it.
type bubbleSource struct {
	// stream is the facecam's video stream.
	stream ffmpeg.Stream
	// start is the earliest time stamp of all of the facecam's streams: picture and sound count
	// from there.
	start time.Duration
	// seek is the time stamp at which decoding may start; nil for the start of the file.
	seek *time.Duration
	// bubble is where and when it is shown.
	bubble msg.Bubble
}

// normalizeArgs is the command line that encodes a segment. face is nil for a segment without a
// bubble.
func normalizeArgs(p msg.NormalizeParams, face *bubbleSource, threads int) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	// Time stamps as they are in the files: FFmpeg's own idea of where a file starts depends on the
	// streams in use.
	args = append(args, "-copyts")
	args = append(args, mezzanineInput(fileMezzanine)...)
	if face != nil {
		args = append(args, face.inputs(p)...)
	}
	if p.Crossfade {
		args = append(args, mezzanineInput(fileNext)...)
	}
	if p.Watermark != nil {
		args = append(args, watermarkInput()...)
	}
	args = append(args,
		"-filter_complex", normalizeFilter(p, face), "-map", "[out]",
		"-frames:v", strconv.Itoa(p.Frames), "-fps_mode", "passthrough",
	)
	args = append(args, encoderArgs(p.Width, p.Height, p.Rate, p.Quality, threads)...)
	args = append(args,
		"-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate), "-f", "mp4", "file:"+fileSegment)
	return append(args,
		"-map", "[looks]", "-fps_mode", "passthrough", "-f", "rawvideo", "file:"+fileLooks)
}

// sceneFilter brings the pictures of an input to the video's size, rate and colours.
func sceneFilter(input int, p msg.NormalizeParams, fit *msg.Fit) string {
	first := jpegToBT709
	if fit != nil {
		first = fitFilter(*fit, p.Width, p.Height) + "," + jpegToBT709
	}
	return strings.Join([]string{
		fmt.Sprintf("[%d:v:0]", input) + first,
		fmt.Sprintf("scale=%d:%d", p.Width, p.Height), "setsar=1",
		"fps=" + p.Rate.String() + ":start_time=0",
		// fps drops the last frame's duration; the frame is repeated until there are enough.
		"tpad=stop_mode=clone:stop=-1", fmt.Sprintf("trim=end_frame=%d", p.Frames),
	}, ",")
}

// crossfadeFilter lets the next scene's pictures, which are the input next, show through a scene's
// more and more.
func crossfadeFilter(p msg.NormalizeParams, next int) string {
	return strings.Join([]string{
		sceneFilter(0, p, p.Fit) + ",format=yuv420p[from]",
		sceneFilter(next, p, p.NextFit) + ",format=yuv420p[to]",
		"[from][to]xfade=transition=fade:offset=0:duration=" + ffmpeg.Seconds(p.Rate.At(p.Frames)),
	}, ";")
}

func normalizeFilter(p msg.NormalizeParams, face *bubbleSource) string {
	next := 1 // the input after those of the facecam
	if face != nil {
		next += face.count(p)
	}
	scene := sceneFilter(0, p, p.Fit)
	if p.Crossfade {
		scene = crossfadeFilter(p, next)
		next++
	}
	if face == nil {
		return scene + ",format=yuv420p," + finishFilter(p, next)
	}
	chains := append([]string{scene + "[scene]"}, face.over(p)...)
	return strings.Join(chains, ";") + ",format=yuv420p," + finishFilter(p, next)
}

// finishFilter draws what is above all else, the watermark being the input mark, and gives the
// frames to the encoder.
func finishFilter(p msg.NormalizeParams, mark int) string {
	filter := looksFilter
	if len(p.Captions) > 0 {
		filter = drawnFilter(fileDrawn) + "," + filter
	}
	if p.Watermark != nil {
		filter = watermarkFilter(mark, *p.Watermark) + "," + filter
	}
	return filter
}
