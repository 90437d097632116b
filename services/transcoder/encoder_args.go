package transcoder

import (
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
)

// level is x264's preset and constant rate factor for a quality: docs/reference/output-options.md has the figures.
type level struct{ preset, crf string }

var levels = map[string]level{
	output.QualityDraft:    {"superfast", "26"},
	output.QualityStandard: {"veryfast", "20"},
	output.QualityHigh:     {"medium", "16"},
}

// encoderArgs must give all segments of a render the same parameter sets, whatever they show: concat copies them.
func encoderArgs(rate msg.Rate, quality string, threads int) []string {
	l, known := levels[quality]
	if !known {
		l = levels[output.QualityStandard]
	}
	return []string{
		"-c:v", "libx264", "-preset", l.preset, "-crf", l.crf, "-profile:v", "high", "-pix_fmt", "yuv420p",
		"-threads:v", strconv.Itoa(threads),
		"-g", strconv.Itoa(rate.GOP()), "-flags:v", "+cgop", "-x264-params", "open-gop=0",
		"-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
		"-chroma_sample_location", "center", // as JPEG has it
	}
}
