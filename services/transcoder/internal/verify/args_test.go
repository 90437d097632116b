package verify

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommandLines(t *testing.T) {
	want := Expected{Width: 1920, Height: 1080, Rate: msg.Rate{Num: 30000, Den: 1001}, Frames: 300}
	mediatest.Golden(t, map[string][]string{"watch": watchArgs(Finished{Name: "video.mp4", Want: want})})
}
