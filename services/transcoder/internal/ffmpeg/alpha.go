package ffmpeg

import (
	"slices"
	"strings"
)

// alphaDecoders are the decoders that read the alpha of WebM, by codec. FFmpeg's own do not.
var alphaDecoders = map[string]string{"vp8": "libvpx", "vp9": "libvpx-vp9"}

// alphaFormats are the beginnings of the names of pixel formats with alpha. Palettes are left out:
// they seldom have alpha.
var alphaFormats = []string{"yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "ayuv", "vuya"}

// AlphaDecoders lists the decoders that Stream.Decoder may name.
func AlphaDecoders() []string { return []string{alphaDecoders["vp8"], alphaDecoders["vp9"]} }

// alphaOf reports whether a stream's pictures have alpha, and which decoder reads it; "" for the
// default one. mode is WebM's tag alpha_mode.
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
