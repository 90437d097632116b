package recorder

import (
	"errors"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/mezzanine"
)

// standsIn reports whether the last picture is to stand for the rest of a scene whose capture ended
// with err: when that was asked for, there is a picture, and it was the page that stopped, or was
// too slow. Any other failure is tried again instead.
func standsIn(p msg.RecordParams, recorded *mezzanine.Pieces, err error) bool {
	var page *capture.PageError
	return p.Options.OnError == scene.OnErrorLastPicture && recorded.Recorded() > 0 && errors.As(err, &page)
}

// lastPicture warns that a scene stands still from some frame on, and why.
func lastPicture(p msg.RecordParams, frames int, err error) msg.Warning {
	why := ""
	var page *capture.PageError
	if errors.As(err, &page) {
		why = reason(pageOf(p), page)
	}
	return msg.Warning{
		Code: msg.CodeSceneLastPicture, Scene: p.Scene,
		Message: fmt.Sprintf("Scene %d shows its last picture from second %.1f on: %s", p.Scene,
			float64(frames)/p.Rate.Float(), why),
	}
}
