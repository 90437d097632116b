package facecam

import (
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sniff"
)

// What is wrong with a facecam that cannot be decoded, as the end of a sentence that starts "The
// facecam".
const (
	BadPicture = "is damaged, or in a format that cannot be decoded."
	BadSound   = "has sound that cannot be decoded."
)

// Classify returns the error for the user if err is the failure of a program to read the facecam,
// and err itself if it is ours. what ends the sentence "The facecam …".
func Classify(err error, what string) error {
	if ffmpeg.OwnFailure(err) {
		return notVideo(what, err)
	}
	return err
}

// notVideo returns the error for a file that is no usable video. what ends the sentence "The
// facecam …".
func notVideo(what string, cause error) error {
	return stage.Permanent(msg.CodeFacecamNotVideo,
		"The facecam "+what+" Please give the address of a video file, such as MP4, MOV or WebM.", cause)
}

// describeFile returns what a file that is no video seems to be instead, as the end of a sentence
// that starts "The facecam".
func describeFile(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "is not a video."
	}
	defer func() { _ = f.Close() }()
	head, err := sniff.Head(f)
	if err != nil {
		return "is not a video."
	}
	return describe(head)
}
