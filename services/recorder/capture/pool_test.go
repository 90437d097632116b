package capture_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

// chromes are for pooled shots, whose size is the default.
var chromes = map[chrome.Frames]*chrometest.Pool{
	chrome.FramesOnDemand: chromesFor(chrome.FramesOnDemand), chrome.FramesForScreenshots: chromesFor(chrome.FramesForScreenshots),
	chrome.FramesInRealtime: chromesFor(chrome.FramesInRealtime),
}

func chromesFor(frames chrome.Frames) *chrometest.Pool {
	return &chrometest.Pool{Allow: "127.0.0.1", Options: chrome.Options{Frames: frames, Width: width, Height: height}}
}

// giveBack returns a Chrome whose capture has ended with err, unless its page may hang.
func giveBack(pool *chrometest.Pool, b *chrometest.Browser, err error) {
	var page *capture.PageError
	if err == nil || errors.As(err, &page) && page.Code != msg.CodeSceneTimeout && page.Code != msg.CodeSceneCrashed {
		pool.Return(b)
		return
	}
	b.End()
}

// withChromes are the tests, after which chromes are closed.
type withChromes struct{ *testing.M }

func (m withChromes) Run() int {
	code := m.M.Run()
	for _, pool := range chromes {
		if err := pool.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close Chrome:", err)
			code = max(code, 1)
		}
	}
	return code
}
