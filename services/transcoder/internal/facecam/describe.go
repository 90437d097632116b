package facecam

import (
	"bytes"
	"net/http"
	"strings"
)

// Describe says what a file that is no usable video seems to be, from its first bytes, as the end of a sentence that
// starts "The facecam".
func Describe(head []byte) string {
	kind := http.DetectContentType(head)
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	switch {
	case len(head) == 0:
		return "is an empty file."
	case bytes.HasPrefix(text, []byte("#EXTM3U")), bytes.HasPrefix(text, []byte("ffconcat")),
		bytes.HasPrefix(text, []byte("v=0")), bytes.Contains(text, []byte("<MPD")):
		return "is a playlist that names other files, not a video."
	case strings.HasPrefix(kind, "text/html"):
		return "is a web page, not a video: its address should be that of the file itself, not of a page that shows it."
	case strings.HasPrefix(kind, "text/"):
		return "is a text file, not a video."
	case strings.HasPrefix(kind, "image/"):
		return "is a still picture, not a video."
	case strings.HasPrefix(kind, "audio/"):
		return "holds sound but no picture."
	case kind == "application/zip", kind == "application/x-gzip", kind == "application/x-rar-compressed":
		return "is an archive, not a video. Please unpack it first."
	case strings.HasPrefix(kind, "video/"):
		return "is damaged or incomplete: it could not be read to its end. Was the upload complete?"
	}
	return "is not a video, or in a format that cannot be read."
}
