package picture

import (
	"fmt"
	"strings"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/tonemap"
)

// jpegToBT709 converts the colours of Chrome's JPEGs (full-range BT.601 over sRGB primaries) to
// those of videos. It comes before frames are repeated, so that a still scene costs one conversion.
// scale, given the same matrices, misses some colours by 4 of 255; this filter does not.
const jpegToBT709 = "colorspace=ispace=bt470bg:iprimaries=bt709:itrc=bt709:irange=pc:" +
	"space=bt709:primaries=bt709:trc=bt709:range=tv:format=yuv420p"

// drawnToBT709 converts a picture that we have drawn.
const drawnToBT709 = "scale=out_color_matrix=bt709:out_range=tv,format=yuva420p"

// facecamToBT709 scales to width × height and converts to limited BT.709. The picture is small by
// then, so that scale in its exact and slow mode is fast enough. Unlike colorspace, scale reads
// every pixel format.
func facecamToBT709(s ffmpeg.Stream, width, height int) string {
	if s.Alpha {
		return alphaToBT709(s, width, height)
	}
	if tonemap.CurveOf(s.Transfer) != 0 {
		return hdrToBT709(s, width, height)
	}
	return fmt.Sprintf("scale=%d:%d:flags=bicubic+accurate_rnd+full_chroma_int:%sout_color_matrix=bt709:out_range=tv,format=yuv420p",
		width, height, inMatrix(s))
}

// hdrToBT709 does the same for high dynamic range, with the table of colours in coloursFile.
func hdrToBT709(s ffmpeg.Stream, width, height int) string {
	return strings.Join([]string{
		fmt.Sprintf("scale=%d:%d:%s%s", width, height, hdrMatrix(s), exact), "format=gbrp16le",
		"lut3d=file=" + coloursFile + ":interp=tetrahedral",
		"scale=out_color_matrix=bt709:out_range=tv:" + exact, "format=yuv420p",
	}, ",")
}

// exact is scale's flags for its best quality.
const exact = "flags=bicubic+accurate_rnd+full_chroma_int"

// hdrMatrix is inMatrix for high dynamic range.
func hdrMatrix(s ffmpeg.Stream) string {
	if s.Space == "" || s.Space == "unknown" {
		return "in_color_matrix=bt2020:"
	}
	return inMatrix(s)
}

// alphaToBT709 does the same for pictures with alpha, and keeps the alpha. The colour of a
// transparent pixel, green or black, must not spread to its neighbours when they are scaled, so
// colours are weighted by alpha.
func alphaToBT709(s ffmpeg.Stream, width, height int) string {
	matrix, planes, curve := inMatrix(s), "gbrap", ""
	if tonemap.CurveOf(s.Transfer) != 0 {
		matrix, planes, curve = hdrMatrix(s), "gbrap16le", ",lut3d=file="+coloursFile+":interp=tetrahedral"
	}
	return strings.Join([]string{
		"scale=" + matrix + exact, "format=" + planes,
		"premultiply=inplace=1", fmt.Sprintf("scale=%d:%d:%s", width, height, exact), "unpremultiply=inplace=1" + curve,
		"scale=out_color_matrix=bt709:out_range=tv:" + exact, "format=yuva420p",
	}, ",")
}

// inMatrix returns scale's option for the matrix of a stranger's video. FFmpeg assumes BT.601 when
// the file names none, but cameras and browsers that name none in an HD video mean BT.709.
func inMatrix(s ffmpeg.Stream) string {
	switch s.Space {
	case "bt709", "smpte240m", "fcc":
		return "in_color_matrix=" + s.Space + ":"
	case "bt470bg", "smpte170m":
		// Both have the same matrix, and FFmpeg 7 does not know bt470bg here.
		return "in_color_matrix=bt601:"
	case "bt2020nc", "bt2020c":
		return "in_color_matrix=bt2020:"
	case "", "unknown":
		if min(s.Width, s.Height) >= 720 {
			return "in_color_matrix=bt709:"
		}
		return "in_color_matrix=bt601:"
	}
	return "" // RGB has none
}
