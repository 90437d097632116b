package capture_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// In the modes with virtual time, every animation frame is one frame.
func TestEveryAnimationFrameIsCapturedOnceInOrder(t *testing.T) {
	const frames = 30
	url := site(t, map[string]http.HandlerFunc{"/": html(counting)})
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual} {
		for _, rate := range []msg.Rate{msg.FPS(60), {Num: 30000, Den: 1001}, msg.FPS(120)} {
			t.Run(string(mode)+" "+rate.String(), func(t *testing.T) {
				t.Parallel()
				path, facts := shot{pooled: true, url: url, mode: mode, rate: rate, frames: frames}.mustTake(t)
				if facts.Distinct != frames {
					t.Errorf("%d pictures are stored, want %d", facts.Distinct, frames)
				}
				for i, p := range decode(t, path, rate, frames) {
					if p.number() != i+1 {
						t.Fatalf("frame %d shows animation frame %d, want %d", i, p.number(), i+1)
					}
				}
			})
		}
	}
}

// For the exact mode, see TestPagesThatCannotBeRecorded.
func TestPagesThatCannotBeRecordedInOtherModes(t *testing.T) {
	url := site(t, map[string]http.HandlerFunc{
		"/404": status(404, "not here"), "/hang": hang, "/": html(counting), "/busy": html(`<script>for (;;);</script>`),
		"/busy/later": html(counting + `<script>setTimeout(() => { for (;;); }, 100)</script>`),
	})
	crashes := func(p *chrome.Process, n int) {
		if n == 10 {
			killRenderers(t, p)
		}
	}
	for _, test := range []struct {
		name string
		shot shot
		code msg.Code
	}{
		{"not found", shot{pooled: true, url: url + "/404"}, msg.CodeSceneStatus},
		{"no answer", shot{pooled: true, url: url + "/hang", bounds: impatient}, msg.CodeSceneTimeout},
		{"busy for ever", shot{pooled: true, url: url + "/busy", bounds: impatient}, msg.CodeSceneTimeout},
		{"busy for ever, later", shot{pooled: true, url: url + "/busy/later", bounds: impatient, mode: msg.ModeVirtual}, msg.CodeSceneTimeout},
		{"crashed", shot{pooled: true, url: url, progress: crashes}, msg.CodeSceneCrashed},
	} {
		modes := []msg.Mode{test.shot.mode}
		if test.shot.mode == "" {
			modes = []msg.Mode{msg.ModeVirtual, msg.ModeRealtime}
		}
		for _, mode := range modes {
			t.Run(string(mode)+" "+test.name, func(t *testing.T) {
				t.Parallel()
				s := test.shot
				s.mode, s.frames = mode, 3000
				_, _, err := s.take(t.Context(), t)
				var page *capture.PageError
				if !errors.As(err, &page) || page.Code != test.code {
					t.Errorf("capture returned %v, want %s", err, test.code)
				}
			})
		}
	}
}
