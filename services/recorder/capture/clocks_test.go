package capture_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestTwoRunsShowAPageTheSameClocks(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": file("testdata/moving/clocks.html")})
	const frames = 60
	var runs [2][]picture
	for i := range runs {
		path, _ := shot{url: url, frames: frames}.mustTake(t)
		runs[i] = decode(t, path, msg.FPS(60), frames)
	}
	for row, what := range []string{"animation frames", "performance.now() in 0.1 ms", "the animation frame's time in 0.1 ms", "Date in ms"} {
		differ, first := 0, -1
		for i := range frames {
			if runs[0][i].numberAt(40*row+20) != runs[1][i].numberAt(40*row+20) {
				if differ++; first < 0 {
					first = i
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d frames differ, the first is %d: %d and %d", what, differ, frames, first,
				runs[0][first].numberAt(40*row+20), runs[1][first].numberAt(40*row+20))
		}
	}
}
