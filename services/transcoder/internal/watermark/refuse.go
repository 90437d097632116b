package watermark

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sniff"
)

// notPicture returns the error for a file that is no usable picture. what ends the sentence "The
// watermark …".
func notPicture(what string, cause error) error {
	return stage.Permanent(msg.CodeWatermarkNotPicture,
		"The watermark "+what+" Please give the address of a picture: PNG, JPEG or WebP.", cause)
}

func tooLarge(width, height int) error {
	return stage.Permanent(msg.CodeWatermarkTooLarge, fmt.Sprintf(
		"The watermark is too large a picture (%d×%d pixels). Please give one of at most %d million pixels, and %d a side.",
		width, height, maxPixels>>20, maxSide), nil)
}

// describe returns what a file that is no picture seems to be.
func describe(file io.ReadSeeker) string {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "cannot be read."
	}
	head, err := sniff.Head(file)
	if err != nil {
		return "cannot be read."
	}
	if bytes.Contains(head, []byte("<svg")) {
		return "is an SVG, which is not supported."
	}
	if words := sniff.Mistaken(head, "a picture"); words != "" {
		return words
	}
	if strings.HasPrefix(http.DetectContentType(head), "image/") {
		return "is a picture in a format that is not supported, or damaged."
	}
	return "is not a picture."
}
