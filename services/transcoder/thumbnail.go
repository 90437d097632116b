package transcoder

import (
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Files in the task's folder.
const (
	fileThumbnail      = "thumbnail.jpg"
	fileThumbnailSmall = "thumbnail-small.jpg"
)

// smallWidth is the small thumbnail's, in pixels. A video that is not wider has it in its own size.
const smallWidth = 640

// moments are where to look for a thumbnail, as shares of the video's length, the best first.
var moments = []float64{1. / 3, 1. / 2, 2. / 3, 1. / 6, 5. / 6, 0.02}

// candidates are the frames to look at, the best first: those of moments, or the one at a time in
// seconds.
func candidates(v expected, at *float64) (list []int) {
	if at != nil {
		frame := int(math.Round(*at * v.rate.Float()))
		return []int{max(0, min(frame, v.frames-1))}
	}
	for _, moment := range moments {
		list = append(list, min(int(moment*float64(v.frames)), v.frames-1))
	}
	return list
}

// thumbnail writes two JPEGs, one of the video's size and a small one, of the first of its
// thumbnails that shows something, or else of the one that shows most. The first has been taken by
// the gate. over is where the facecam is; nil: there is none.
func (h handler) thumbnail(ctx context.Context, dir string, v finished, over *msg.Bubble) error {
	best := -1.0
	for i, frame := range v.thumbnails {
		if i > 0 {
			if err := h.tools.Run(ctx, dir, thumbnailArgs(v.name, v.want, frame), nil); err != nil {
				return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
			}
		}
		score, err := worth(filepath.Join(dir, candidate+fileThumbnail), hidden(over, frame, v.want))
		if err != nil {
			return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
		}
		if score <= best {
			continue
		}
		best = score
		for _, name := range []string{fileThumbnail, fileThumbnailSmall} {
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

// candidate is before the names of thumbnails that may be replaced by better ones.
const candidate = "candidate-"

// thumbnailArgs is the command line that takes one frame. It seeks to half a frame before it, so
// that rounding cannot give another; a seek decodes from the keyframe before, so it is exact.
func thumbnailArgs(video string, v expected, frame int) []string {
	args := ffmpeg.Global("error")
	at := max(0, v.rate.At(frame)-v.rate.At(1)/2)
	args = append(args, ffmpeg.Input(video, ffmpeg.OwnContainers, "-ss", ffmpeg.Seconds(at))...)
	return append(append(args, "-filter_complex", takenFilter("[0:v:0]", v.width)), takenOutputs()...)
}

// takenFilter makes both thumbnails of the frames of in.
func takenFilter(in string, width int) string {
	// JPEG is full-range BT.601.
	return in + "colorspace=ispace=bt709:iprimaries=bt709:itrc=bt709:irange=tv:" +
		"space=bt470bg:primaries=bt709:trc=bt709:range=pc:format=yuv420p,split[whole][more];" +
		"[whole]format=yuvj420p[full];" +
		fmt.Sprintf("[more]scale=%d:-2:flags=lanczos,format=yuvj420p[small]", min(smallWidth, width))
}

// takenOutputs are the files that the first frame of what takenFilter makes is written to.
func takenOutputs() (args []string) {
	for _, out := range []struct{ label, name string }{{"[full]", fileThumbnail}, {"[small]", fileThumbnailSmall}} {
		args = append(args, "-map", out.label, "-frames:v", "1",
			"-c:v", "mjpeg", "-q:v", "3", "-color_range", "pc", "-map_metadata", "-1", "-f", "image2", "-update", "1",
			"file:"+candidate+out.name)
	}
	return args
}

const (
	// enoughContrast is the standard deviation of brightness, of 255, above which a picture is not
	// blank. A page of text on white has some 30; black, white and a loading page have less than 5.
	enoughContrast = 12
	// enoughDetail is the mean difference of brightness between every other pixel, of 255, above
	// which a picture is not blurred throughout. A page of text has some 10, the demo's thumbnail
	// 2.4, a page of text behind a blur of 20 pixels 0.3.
	enoughDetail = 0.5
)

// hidden is the part of a frame that the facecam covers, which says nothing about the page: the
// bubble with its border and shadow, and all of the frame while it fills it or is on its way.
func hidden(over *msg.Bubble, frame int, v expected) image.Rectangle {
	if over == nil {
		return image.Rectangle{}
	}
	if bubble.Phases(over.Fullscreen, frame, 1)[0].Action != bubble.Rest {
		return image.Rect(0, 0, v.width, v.height)
	}
	return image.Rect(over.X, over.Y, over.X+over.Width, over.Y+over.Height).Inset(-bubble.Pad(*over))
}

// worth says how much a JPEG shows beside what is hidden: 1 and more is enough.
func worth(path string, hidden image.Rectangle) (float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	img, err := jpeg.Decode(f)
	if err != nil {
		return 0, fmt.Errorf("decode %s: %w", filepath.Base(path), err)
	}
	ycc, ok := img.(*image.YCbCr)
	if !ok {
		return 0, fmt.Errorf("decode %s: not a colour picture", filepath.Base(path))
	}
	b := ycc.Bounds()
	var n, sum, squares, steps float64
	for y := b.Min.Y; y < b.Max.Y; y += 2 {
		for x := b.Min.X; x+2 < b.Max.X; x += 2 {
			if image.Pt(x, y).In(hidden) || image.Pt(x+2, y).In(hidden) {
				continue
			}
			v, next := float64(ycc.Y[ycc.YOffset(x, y)]), float64(ycc.Y[ycc.YOffset(x+2, y)])
			n, sum, squares, steps = n+1, sum+v, squares+v*v, steps+math.Abs(next-v)
		}
	}
	n = max(1, n)
	contrast := math.Sqrt(max(0, squares/n-sum/n*sum/n))
	return min(contrast/enoughContrast, steps/n/enoughDetail), nil
}
