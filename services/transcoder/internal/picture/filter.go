package picture

import (
	"fmt"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/captions"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
)

// Files in the task's folder.
const (
	MezzanineFile = "mezzanine.mov"
	NextFile      = "next.mov" // the next scene's mezzanine
	WatermarkFile = "watermark.png"
)

// MezzanineInput returns the options that open a mezzanine. Damage that a decoder would conceal is
// an error.
func MezzanineInput(name string) []string {
	return ffmpeg.Input(name, ffmpeg.OwnContainers, "-err_detect", "explode")
}

// Inputs returns the options that open what Filter reads. face is nil for a segment without a
// bubble.
func Inputs(p msg.NormalizeParams, face *Bubble) []string {
	args := MezzanineInput(MezzanineFile)
	if face != nil {
		args = append(args, face.inputs(p)...)
	}
	if p.Crossfade {
		args = append(args, MezzanineInput(NextFile)...)
	}
	if p.Watermark != nil {
		args = append(args, watermarkInput()...)
	}
	return args
}

// Filter returns the graph of filters of a segment. It writes the frames for the encoder to [out],
// and fingerprints for fingerprint.Output.
func Filter(p msg.NormalizeParams, face *Bubble) string {
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
		// fps drops the last frame's duration: tpad repeats the frame, and trim ends it.
		"tpad=stop_mode=clone:stop=-1", fmt.Sprintf("trim=end_frame=%d", p.Frames),
	}, ",")
}

// crossfadeFilter fades a scene's pictures into those of the next scene, which are the input next.
func crossfadeFilter(p msg.NormalizeParams, next int) string {
	return strings.Join([]string{
		sceneFilter(0, p, p.Fit) + ",format=yuv420p[from]",
		sceneFilter(next, p, p.NextFit) + ",format=yuv420p[to]",
		"[from][to]xfade=transition=fade:offset=0:duration=" + ffmpeg.Seconds(p.Rate.At(p.Frames)),
	}, ";")
}

// finishFilter draws what is on top, the watermark from the input mark and then the captions, and
// sends the frames to the encoder.
func finishFilter(p msg.NormalizeParams, mark int) string {
	filter := fingerprint.SegmentFilter
	if len(p.Captions) > 0 {
		filter = captions.Filter + "," + filter
	}
	if p.Watermark != nil {
		filter = watermarkFilter(mark, *p.Watermark) + "," + filter
	}
	return filter
}
