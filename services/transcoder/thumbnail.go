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
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// fileThumbnail is in the task's folder.
const fileThumbnail = "thumbnail.jpg"

// moments are where to look for a thumbnail, as shares of the video's length, the best first.
var moments = []float64{1. / 3, 1. / 2, 2. / 3, 1. / 6, 5. / 6, 0.02}

// thumbnail writes a JPEG of the video's size: the first of moments that shows something, or else the one that shows
// most.
func (h handler) thumbnail(ctx context.Context, dir, video string, v expected) error {
	best := -1.0
	for i, moment := range moments {
		name := fmt.Sprintf("thumbnail-%d.jpg", i)
		frame := min(int(moment*float64(v.frames)), v.frames-1)
		if err := h.tools.Run(ctx, dir, thumbnailArgs(video, name, v.rate, frame), nil); err != nil {
			return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
		}
		score, err := contrast(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
		}
		if score > best {
			best = score
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, fileThumbnail)); err != nil {
				return fmt.Errorf("take frame %d as thumbnail: %w", frame, err)
			}
		}
		if best >= enoughContrast {
			return nil
		}
	}
	return nil
}

// thumbnailArgs is the command line that takes one frame. It seeks to half a frame before it, so that rounding cannot
// give another; a seek decodes from the keyframe before, so it is exact.
func thumbnailArgs(video, name string, rate msg.Rate, frame int) []string {
	args := ffmpeg.Global("error")
	at := max(0, rate.At(frame)-rate.At(1)/2)
	args = append(args, ffmpeg.Input(video, movFormats, "-ss", seconds(at))...)
	return append(args,
		"-map", "0:v:0", "-frames:v", "1",
		// JPEG is full-range BT.601.
		"-vf", "colorspace=ispace=bt709:iprimaries=bt709:itrc=bt709:irange=tv:"+
			"space=bt470bg:primaries=bt709:trc=bt709:range=pc:format=yuv420p,format=yuvj420p",
		"-c:v", "mjpeg", "-q:v", "3", "-color_range", "pc", "-map_metadata", "-1", "-f", "image2", "-update", "1",
		"file:"+name)
}

// enoughContrast is the standard deviation of brightness, of 255, above which a picture is not blank. A page of text
// on white has some 30; black, white and a loading page have less than 5.
const enoughContrast = 12

// contrast returns the standard deviation of a JPEG's brightness, without the quarter at the lower left: there is the
// bubble, which says nothing about the page.
func contrast(path string) (float64, error) {
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
	var n, sum, squares float64
	for y := b.Min.Y; y < b.Max.Y; y += 2 {
		for x := b.Min.X; x < b.Max.X; x += 2 {
			if x < b.Dx()/2 && y > b.Dy()/2 {
				continue
			}
			v := float64(ycc.Y[ycc.YOffset(x, y)])
			n, sum, squares = n+1, sum+v, squares+v*v
		}
	}
	mean := sum / max(1, n)
	return math.Sqrt(max(0, squares/max(1, n)-mean*mean)), nil
}
