package ffmpeg

import (
	"slices"
	"strings"
)

// alphaDecoders are those that read the alpha of WebM, by codec. FFmpeg's own leave it out.
var alphaDecoders = map[string]string{"vp8": "libvpx", "vp9": "libvpx-vp9"}

// alphaFormats are how the names of pixel formats with alpha begin, but for those of palettes,
// which seldom have any.
var alphaFormats = []string{"yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "ayuv", "vuya"}

// AlphaDecoders lists the decoders that Stream.Decoder may name.
func AlphaDecoders() []string { return []string{alphaDecoders["vp8"], alphaDecoders["vp9"]} }

// alphaOf says whether a stream's pictures have alpha, and which decoder to ask for it. mode is a
// tag of WebM.
func alphaOf(codec, format, mode string) (alpha bool, decoder string) {
	if decoder := alphaDecoders[codec]; decoder != "" {
		if mode != "1" {
			return false, ""
		}
		return true, decoder
	}
	// The fourth byte of raw pixels is often left unused.
	return codec != "rawvideo" && slices.ContainsFunc(alphaFormats, func(name string) bool { return strings.HasPrefix(format, name) }), ""
}
