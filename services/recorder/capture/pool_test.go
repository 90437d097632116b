package capture_test

import (
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

// pools have the Chromes of pooled shots, whose size is the default.
var pools = map[chrome.Frames]*chrometest.Pool{
	chrome.FramesOnDemand: newPool(chrome.FramesOnDemand), chrome.FramesForScreenshots: newPool(chrome.FramesForScreenshots),
	chrome.FramesInRealtime: newPool(chrome.FramesInRealtime),
}

func newPool(frames chrome.Frames) *chrometest.Pool {
	return &chrometest.Pool{Allow: "127.0.0.1", Options: chrome.Options{Frames: frames, Width: width, Height: height}}
}
