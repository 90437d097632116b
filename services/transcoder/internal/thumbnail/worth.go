package thumbnail

import (
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
)

const (
	// enoughContrast is the standard deviation of brightness, of 255, above which a picture is not
	// blank. A page of text on white has some 30; black, white and a loading page have less than 5.
	enoughContrast = 12
	// enoughDetail is the mean difference of brightness between every other pixel, of 255, above
	// which a picture is not blurred throughout. A page of text has some 10, the demo's thumbnail
	// 2.4, a page of text behind a blur of 20 pixels 0.3.
	enoughDetail = 0.5
)

// hidden returns the part of a frame that the facecam covers, which says nothing about the page:
// the bubble with its border and shadow, and all of the frame while the facecam fills it or moves.
func hidden(v Video, frame int) image.Rectangle {
	over := v.Over
	if over == nil {
		return image.Rectangle{}
	}
	if bubble.Phases(over.Fullscreen, frame, 1)[0].Action != bubble.Rest {
		return image.Rect(0, 0, v.Width, v.Height)
	}
	return image.Rect(over.X, over.Y, over.X+over.Width, over.Y+over.Height).Inset(-bubble.Pad(*over))
}

// worth returns how much a JPEG shows outside of what is hidden: 1 and more is enough.
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
