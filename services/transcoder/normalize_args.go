package transcoder

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Files in a task's folder.
const (
	fileMezzanine = "mezzanine.mov"
	fileFacecam   = "facecam"
	filePlate     = "plate.png"
	fileMask      = "mask.png"
	fileColours   = "colours.cube"
	fileSegment   = "segment.mp4"
)

// movFormats is the demuxer that reads what the pipeline itself writes.
const movFormats = "mov,mp4,m4a,3gp,3g2,mj2"

// jpegToBT709 converts what Chrome's JPEGs hold (full-range BT.601 over sRGB primaries) to what videos hold. It comes
// before the frames are repeated, so that a still scene costs one conversion. scale, given the same matrices, misses
// some colours by 4 of 255; this filter does not.
const jpegToBT709 = "colorspace=ispace=bt470bg:iprimaries=bt709:itrc=bt709:irange=pc:" +
	"space=bt709:primaries=bt709:trc=bt709:range=tv:format=yuv420p"

// bubbleSource is the facecam as normalize needs to know it.
type bubbleSource struct {
	// stream is the facecam's video stream.
	stream ffmpeg.Stream
	// start is the earliest time stamp of all of the facecam's streams: picture and sound count from there.
	start time.Duration
	// seek is the time stamp at which decoding may start; nil for the start of the file.
	seek  *time.Duration
	place bubble.Place
}

// normalizeArgs is the command line that encodes a segment. face is nil for a segment without a bubble.
func normalizeArgs(p msg.NormalizeParams, face *bubbleSource, threads int) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	// Time stamps as they are in the files: FFmpeg's own idea of where a file starts depends on the streams in use.
	args = append(args, "-copyts")
	args = append(args, ffmpeg.Input(fileMezzanine, movFormats)...)
	if face != nil {
		args = append(args, face.input()...)
		args = append(args, ffmpeg.Input(filePlate, "png_pipe", "-f", "png_pipe")...)
		args = append(args, ffmpeg.Input(fileMask, "png_pipe", "-f", "png_pipe")...)
	}
	args = append(args,
		"-filter_complex", normalizeFilter(p, face), "-map", "[out]",
		"-frames:v", strconv.Itoa(p.Frames), "-fps_mode", "passthrough",
	)
	args = append(args, encoderArgs(p.Rate, threads)...)
	return append(args,
		"-map_metadata", "-1", "-video_track_timescale", timescale(p.Rate), "-f", "mp4", "file:"+fileSegment)
}

func normalizeFilter(p msg.NormalizeParams, face *bubbleSource) string {
	rate := p.Rate.String()
	first := jpegToBT709
	if p.Fit != nil {
		first = fitFilter(*p.Fit, p.Width, p.Height) + "," + jpegToBT709
	}
	scene := strings.Join([]string{
		"[0:v:0]" + first,
		fmt.Sprintf("scale=%d:%d", p.Width, p.Height), "setsar=1",
		"fps=" + rate + ":start_time=0",
		// fps drops the last frame's duration; the frame is repeated until there are enough.
		"tpad=stop_mode=clone:stop=-1",
	}, ",")
	if face == nil {
		return scene + ",format=yuv420p[out]"
	}
	b := face.place
	width, height := cover(face.stream.Width, face.stream.Height, b.Face)
	chains := []string{
		scene + "[scene]",
		fmt.Sprintf("[1:%d]", face.stream.Index) + strings.Join([]string{
			face.frames(p.Rate, p.FirstFrame, p.Frames),
			facecamToBT709(face.stream, width, height),
			fmt.Sprintf("crop=%d:%d", b.Face, b.Face), "setsar=1",
			fmt.Sprintf("pad=%d:%d:%d:%d", b.Size(), b.Size(), b.Pad, b.Pad),
		}, ",") + "[face]",
		"[2:v]format=yuva420p[plate]",
		"[3:v]format=gray[mask]",
		"[face][plate]overlay=0:0:format=yuv420[disc]",
		"[disc][mask]alphamerge[bubble]",
		// pass: after the facecam's end there is no bubble.
		fmt.Sprintf("[scene][bubble]overlay=%d:%d:format=yuv420:eof_action=pass,format=yuv420p[out]", b.X, b.Y),
	}
	return strings.Join(chains, ";")
}

// encoderArgs must give all segments of a render the same parameter sets, whatever they show: concat copies them.
func encoderArgs(rate msg.Rate, threads int) []string {
	gop := strconv.Itoa(rate.GOP())
	return []string{
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-profile:v", "high", "-pix_fmt", "yuv420p",
		"-threads:v", strconv.Itoa(threads),
		"-g", gop, "-flags:v", "+cgop", "-x264-params", "open-gop=0",
		"-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
	}
}

// maxAspect bounds how much longer than wide a facecam is scaled. One of 2 × 8192 pixels would take gigabytes; it is
// squeezed instead. Cropping first would be no way out: crop does not follow a stream whose size changes.
const maxAspect = 16

// cover returns the size at which a picture of width × height just covers a square, even, for a crop at its centre.
func cover(width, height, side int) (int, int) {
	if width <= 0 || height <= 0 {
		return side, side
	}
	scale := float64(side) / float64(min(width, height))
	even := func(v int) int { return min(max(side, 2*int(math.Round(float64(v)*scale/2))), maxAspect*side) }
	return even(width), even(height)
}

// seconds writes d for a filter's expression.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

func timescale(rate msg.Rate) string {
	perSecond, _ := rate.Timescale()
	return strconv.Itoa(perSecond)
}
