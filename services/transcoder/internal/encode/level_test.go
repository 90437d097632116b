package encode

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestALevelHoldsSizeRateAndReferences(t *testing.T) {
	for _, c := range []struct {
		width, height int
		rate          msg.Rate
		want          string
	}{
		{16, 16, msg.FPS(1), "4.1"}, {320, 180, msg.FPS(120), "4.1"}, {1280, 720, msg.FPS(60), "4.1"}, {1080, 1080, msg.FPS(30), "4.1"},
		{1920, 1080, msg.FPS(30), "4.1"}, {1920, 1080, msg.FPS(31), "4.2"},
		{1920, 1080, msg.FPS(60), "4.2"}, {1080, 1920, msg.Rate{Num: 60000, Den: 1001}, "4.2"}, {1920, 1080, msg.FPS(120), "5.1"},
		{1920, 1200, msg.FPS(24), "5.0"}, // too large for 4.2
		{2560, 1440, msg.FPS(30), "5.0"}, {2560, 1440, msg.FPS(60), "5.1"},
		{3840, 2160, msg.FPS(24), "5.1"}, {3840, 2160, msg.FPS(30), "5.1"}, {3840, 2160, msg.FPS(60), "5.2"}, {2160, 3840, msg.FPS(60), "5.2"},
		{3840, 2160, msg.FPS(120), "6.0"},
		// A level bounds the longer side too: 4.1 holds 4096 pixels.
		{3840, 16, msg.FPS(60), "4.1"}, {16, 3840, msg.FPS(60), "4.1"}, {4112, 16, msg.FPS(60), "4.2"},
	} {
		if got := levelFor(c.width, c.height, c.rate).name; got != c.want {
			t.Errorf("%d×%d at %s: level %s, want %s", c.width, c.height, c.rate, got, c.want)
		}
	}
}

func TestLevelsAreInOrder(t *testing.T) {
	for i, l := range levels[1:] {
		before := levels[i]
		if strings.Compare(l.name, before.name) <= 0 || l.blocksPerSecond < before.blocksPerSecond || l.blocksPerFrame < before.blocksPerFrame ||
			l.blocksKept < before.blocksKept || l.rate < before.rate || l.buffer < before.buffer {
			t.Errorf("level %s holds less than %s", l.name, before.name)
		}
	}
}
