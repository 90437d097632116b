package encode

import (
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
)

// setting is x264's preset and constant rate factor for a quality, and what differs from the
// preset. docs/reference/output-options.md has the figures.
type setting struct {
	preset, crf string
	lookahead   int // frames; fewer at low rates: see lookaheadFor
	params      []string
}

// oneB allows one B-frame between two others.
const oneB = "bframes=1"

var settings = map[string]setting{
	// This preset leaves out mbtree, and drafts of pages without it are larger than the standard.
	// With x264's full adaptive quantization and 10 frames of lookahead, the edges of letters
	// change at keyframes.
	output.QualityDraft:    {"superfast", "24", 16, []string{oneB, "mbtree=1", "aq-strength=0.5"}},
	output.QualityStandard: {"veryfast", "20", 10, []string{oneB}},
	output.QualityHigh:     {"medium", "16", 25, nil},
}

// lookaheadFor returns the setting's lookahead at a rate. The further a keyframe looks ahead, the
// finer it is. The last piece of a scene may be half a group of pictures, a second: a keyframe that
// looks further than five sixths of that is coarser there than those before.
func (s setting) lookaheadFor(rate msg.Rate) int { return max(1, min(s.lookahead, rate.GOP()*5/12)) }

// steady are the settings that keep the picture of a still scene the same from one keyframe to the
// next, and from one segment to the next: see output-options.md.
var steady = []string{
	"open-gop=0",
	// x264 makes all keyframes but the first finer than other frames, by this factor (ipratio).
	"zones=0,0,b=1.4",
	// Deblocking smooths a keyframe, the frames after it sharpen the picture, and the next keyframe
	// smooths it again. These offsets turn it off at the fine quantizers that we use, and leave it
	// on at coarse ones, where blocks would be seen.
	"deblock=-4,-4",
}

// x264Args returns the encoder's options. All segments of a render must get the same parameter
// sets, whatever they show: join copies them.
func x264Args(width, height int, rate msg.Rate, quality string, threads int) []string {
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

// levelOption is where vbvArgs finds the encoder's options.
const levelOption = "-level:v"
