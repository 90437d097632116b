package facecam

import (
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// NotVideo returns the error for a file that is no usable video. what ends the sentence "The
// facecam …".
func NotVideo(what string, cause error) error {
	return stage.Permanent(msg.CodeFacecamNotVideo,
		"The facecam "+what+" Please give the address of a video file, such as MP4, MOV or WebM.", cause)
}
