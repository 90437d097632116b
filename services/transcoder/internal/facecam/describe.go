package facecam

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/sniff"
)

// describe returns what a file that is no usable video seems to be, from its first bytes, as the
// end of a sentence that starts "The facecam".
func describe(head []byte) string {
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(text, []byte("#EXTM3U")) || bytes.HasPrefix(text, []byte("ffconcat")) ||
		bytes.HasPrefix(text, []byte("v=0")) || bytes.Contains(text, []byte("<MPD")) {
		return "is a playlist that names other files, not a video."
	}
	if words := sniff.Mistaken(head, "a video"); words != "" {
		return words
	}
	kind, _, _ := strings.Cut(http.DetectContentType(head), "/")
	switch kind {
	case "image":
		return "is a still picture, not a video."
	case "audio":
		return "holds sound but no picture."
	case "video":
		return "is damaged or incomplete: it could not be read to its end. Was the upload complete?"
	}
	return "is not a video, or in a format that cannot be read."
}
