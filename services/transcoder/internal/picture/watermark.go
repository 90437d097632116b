package picture

import (
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// watermarkInput returns the options that open the watermark.
func watermarkInput() []string { return ffmpeg.Input(WatermarkFile, "png_pipe", "-f", "png_pipe") }

// watermarkFilter lays the picture of an input over the frames.
func watermarkFilter(input int, at msg.WatermarkPlace) string {
	x, y := fmt.Sprint(at.Margin), fmt.Sprint(at.Margin)
	if at.Right {
		x = fmt.Sprintf("W-w-%d", at.Margin)
	}
	if at.Bottom {
		y = fmt.Sprintf("H-h-%d", at.Margin)
	}
	return fmt.Sprintf("null[unmarked];[%d:v]%s[mark];[unmarked][mark]overlay=%s:%s:format=yuv420", input, drawnToBT709, x, y)
}
