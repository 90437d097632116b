package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// A page that paints the number of each of its frames, at the size and the rate that campaigns have
// by default: the video shows each number once, in order, from the first on. When LOOM_LONG is set
// (make long), thirty seconds of it.
func TestEveryNumberIsInTheVideoOnceInOrder(t *testing.T) {
	c := rig.Campaign{Width: 1920, Height: 1080, FPS: 60}
	seconds := 1
	if os.Getenv("LOOM_LONG") != "" {
		seconds = 30
	}
	p := rig.Usual(t)
	c.Scenes = []rig.Scene{{URL: p.Site.Page(colors[0].name, 60), Seconds: seconds}}
	r := p.AwaitWithin(t, p.Submit(t, c), 20*time.Minute)
	if first := checkDone(t, p, r, c)[0].Number; first != 0 {
		t.Errorf("the first frame shows %d", first)
	}
}
