package transcoder

import (
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
)

// setting is x264's preset and constant rate factor for a quality, and what differs from the
// preset: docs/reference/output-options.md has the figures.
type setting struct {
	preset, crf string
	lookahead   int // frames, where they are not too slow for it
	params      []string
}

// oneB lets no more than one B-frame come between two others: output-options.md has the figures.
const oneB = "bframes=1"

var settings = map[string]setting{
	// Without mbtree, which this preset leaves out, drafts of pages are larger than the standard.
	// With all of x264's adaptive quantization, and 10 frames of lookahead, the edges of letters
	// change at keyframes.
	output.QualityDraft:    {"superfast", "24", 16, []string{oneB, "mbtree=1", "aq-strength=0.5"}},
	output.QualityStandard: {"veryfast", "20", 10, []string{oneB}},
	output.QualityHigh:     {"medium", "16", 25, nil},
}

// lookaheadFor returns the setting's lookahead at a rate. How far a keyframe looks ahead decides
// how fine it is. The last piece of a scene may be half a group of pictures, a second: a keyframe
// that looks further than five sixths of that is coarser there than those before.
func (s setting) lookaheadFor(rate msg.Rate) int { return max(1, min(s.lookahead, rate.GOP()*5/12)) }

// steady are the settings that keep the picture of a still scene as it is from one keyframe to the
// next, and from one segment to the next: see output-options.md.
var steady = []string{
	"open-gop=0",
	// x264 makes all keyframes finer than the frames between by this factor of its own (ipratio),
	// but for the first.
	"zones=0,0,b=1.4",
	// What deblocking smooths in a keyframe, the frames behind it sharpen, and the next keyframe
	// smooths again. At the fine quantizers that we use it is off with this, and at coarse ones,
	// where blocks would be seen, still on.
	"deblock=-4,-4",
}

// encoderArgs must give all segments of a render the same parameter sets, whatever they show:
// concat copies them.
func encoderArgs(width, height int, rate msg.Rate, quality string, threads int) []string {
	s, known := settings[quality]
	if !known {
		s = settings[output.QualityStandard]
	}
	return []string{
		"-c:v", "libx264", "-preset", s.preset, "-crf", s.crf, "-profile:v", "high", "-pix_fmt", "yuv420p",
		levelOption, levelFor(width, height, rate).name,
		"-threads:v", strconv.Itoa(threads),
		"-g", strconv.Itoa(rate.GOP()), "-flags:v", "+cgop",
		"-x264-params", strings.Join(slices.Concat(steady, s.params, []string{"rc-lookahead=" + strconv.Itoa(s.lookaheadFor(rate))}), ":"),
		"-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
		"-chroma_sample_location", "center", // as JPEG has it
	}
}

// levelOption is where boundedArgs finds the encoder's options.
const levelOption = "-level:v"
