package thumbnail

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Files in the task's folder.
const (
	File      = "thumbnail.jpg"
	SmallFile = "thumbnail-small.jpg"
)

// candidate comes before the names of thumbnails that may be replaced by better ones.
const candidate = "candidate-"

// smallWidth is the small thumbnail's, in pixels. A video that is not wider has it in its own size.
const smallWidth = 640

// moments are where to look for a thumbnail, as shares of the video's length, the best first.
var moments = []float64{1. / 3, 1. / 2, 2. / 3, 1. / 6, 5. / 6, 0.02}

// Video is a finished video.
type Video struct {
	// Name is the file's in the task's folder.
	Name          string
	Width, Height int
	Rate          msg.Rate
	Frames        int
	// At is the time in seconds that the campaign asks for; nil when it leaves the choice to us.
	At *float64
	// Over is where the facecam is; nil when there is none.
	Over *msg.Bubble
}

// candidates returns the frames that may become the thumbnail, the best first: those of moments, or
// the one at the time that was asked for.
func (v Video) candidates() (list []int) {
	if v.At != nil {
		frame := int(math.Round(*v.At * v.Rate.Float()))
		return []int{max(0, min(frame, v.Frames-1))}
	}
	for _, moment := range moments {
		list = append(list, min(int(moment*float64(v.Frames)), v.Frames-1))
	}
	return list
}

// FirstFilter takes the first candidate out of the frames with the label in. A pass over all of the
// video so writes it on the way, with Outputs.
func FirstFilter(v Video, in string) string {
	first := v.candidates()[0]
	return fmt.Sprintf("%strim=start_frame=%d:end_frame=%d[one];", in, first, first+1) + filter("[one]", v.Width)
}

// Choose writes the thumbnails of the first candidate that shows something, or else of the one that
// shows most. The first candidate's must be there already: see FirstFilter.
func Choose(ctx context.Context, tools ffmpeg.Tools, dir string, v Video) error {
	best := -1.0
	for i, frame := range v.candidates() {
		score, err := 0.0, error(nil)
		if i > 0 {
			score, err = Worth(ctx, tools, dir, v, frame)
		} else {
			score, err = worth(filepath.Join(dir, candidate+File), hidden(v, frame))
		}
		if err != nil {
			return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
		}
		if score <= best {
			continue
		}
		best = score
		for _, name := range []string{File, SmallFile} {
			if err := os.Rename(filepath.Join(dir, candidate+name), filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
			}
		}
		if best >= 1 {
			return nil
		}
	}
	return nil
}

// Worth returns how much a frame shows of the page, apart from what the facecam covers: 1 and more
// is enough. It leaves the frame as a candidate.
func Worth(ctx context.Context, tools ffmpeg.Tools, dir string, v Video, frame int) (float64, error) {
	if err := tools.Run(ctx, dir, args(v, frame), nil); err != nil {
		return 0, err
	}
	return worth(filepath.Join(dir, candidate+File), hidden(v, frame))
}

// args is the command line that takes one frame. It seeks to half a frame before it, so that
// rounding cannot give another; a seek decodes from the keyframe before, so it is exact.
func args(v Video, frame int) []string {
	args := ffmpeg.Global("error")
	at := max(0, v.Rate.At(frame)-v.Rate.At(1)/2)
	args = append(args, ffmpeg.Input(v.Name, ffmpeg.OwnContainers, "-ss", ffmpeg.Seconds(at))...)
	return append(append(args, "-filter_complex", filter("[0:v:0]", v.Width)), Outputs()...)
}

// filter makes both thumbnails of the frames of in.
func filter(in string, width int) string {
	// JPEG is full-range BT.601.
	return in + "colorspace=ispace=bt709:iprimaries=bt709:itrc=bt709:irange=tv:" +
		"space=bt470bg:primaries=bt709:trc=bt709:range=pc:format=yuv420p,split[whole][more];" +
		"[whole]format=yuvj420p[full];" +
		fmt.Sprintf("[more]scale=%d:-2:flags=lanczos,format=yuvj420p[small]", min(smallWidth, width))
}

// Outputs returns the options that write the first frame of what the filters make.
func Outputs() (args []string) {
	for _, out := range []struct{ label, name string }{{"[full]", File}, {"[small]", SmallFile}} {
		args = append(args, "-map", out.label, "-frames:v", "1",
			"-c:v", "mjpeg", "-q:v", "3", "-color_range", "pc", "-map_metadata", "-1", "-f", "image2", "-update", "1",
			"file:"+candidate+out.name)
	}
	return args
}
