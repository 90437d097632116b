package picture

import (
	"fmt"
	"math"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// fitFilter brings a mezzanine's pictures to width × height. It works on the colours of Chrome's
// JPEGs, full-range BT.601, so that the bars are converted like the page; before FFmpeg 7, pad
// knows no other matrix.
func fitFilter(f msg.Fit, width, height int) string {
	// An odd viewport gives odd pictures, which the conversion of colours refuses.
	steps := []string{"crop=iw-mod(iw\\,2):ih-mod(ih\\,2):0:0"}
	w, h := width, height
	switch f.How {
	case scene.FitCover:
		// Crop before scaling: a very long picture would take gigabytes.
		across, down := inside(width, height, f.Width, f.Height)
		steps = append(steps, fmt.Sprintf("crop=%d:%d", across, down))
	case scene.FitContain:
		w, h = inside(f.Width, f.Height, width, height)
	}
	steps = append(steps,
		fmt.Sprintf("scale=%d:%d:flags=lanczos+accurate_rnd+full_chroma_int:in_range=pc:out_range=pc", w, h),
		"format=yuvj420p|yuvj422p|yuvj444p", "setsar=1")
	if w != width || h != height {
		x, y := (width-w)/2, (height-h)/2
		// At even places, where there are samples of colour.
		steps = append(steps, fmt.Sprintf("pad=%d:%d:%d:%d:color=0x%s", width, height, x-x%2, y-y%2, strings.TrimPrefix(f.Background, "#")))
	}
	return strings.Join(steps, ",")
}

// inside returns the size, in even numbers, of the largest rectangle of the shape width × height
// that lies within maxWidth × maxHeight.
func inside(width, height, maxWidth, maxHeight int) (int, int) {
	scale := min(float64(maxWidth)/float64(width), float64(maxHeight)/float64(height))
	even := func(side, most int) int { return min(most, max(2, 2*int(math.Round(float64(side)*scale/2)))) }
	return even(width, maxWidth), even(height, maxHeight)
}
