package recorder

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// NoFrameControl says what a Chrome without frames on demand costs, and what to do.
const NoFrameControl = "this Chrome cannot draw frames on demand: scenes are recorded by screenshots, which takes longer, and " +
	"GIFs and videos in pages do not move evenly; " + chrome.Install

// Check tries Chrome and settles how it is used. It is called before the first Record.
func (r *Recorder) Check(ctx context.Context) (Chrome, error) {
	found, err := CheckChrome(ctx, r.chrome, r.sandbox)
	if err != nil {
		return found, err
	}
	r.mode = found.Mode
	return found, nil
}

// modeOf is how a scene with options is captured.
func (r *Recorder) modeOf(o scene.Options) msg.Mode {
	if o.Capture == scene.CaptureRealtime {
		return msg.ModeRealtime
	}
	return r.mode
}

// modeWarnings tell the render's owner of a scene that is not exact.
func modeWarnings(number int, mode msg.Mode) []msg.Warning {
	switch mode {
	case msg.ModeVirtual:
		return []msg.Warning{{
			Code: msg.CodeSceneInexact, Scene: number,
			Message: fmt.Sprintf("Scene %d was recorded by a browser that cannot draw frames on demand: pictures and videos that move "+
				"by themselves may do so unevenly.", number),
		}}
	case msg.ModeRealtime:
		return []msg.Warning{{
			Code: msg.CodeSceneRealtime, Scene: number,
			Message: fmt.Sprintf("Scene %d was recorded in real time, as its options ask: what moves may do so unevenly, and "+
				"otherwise in every render.", number),
		}}
	}
	return nil
}
