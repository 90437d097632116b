package facecam

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommandLines(t *testing.T) {
	mediatest.Golden(t, map[string][]string{"first-frame": firstFrameArgs(ffmpeg.Stream{Index: 1})})
}
