package conduct

import (
	"encoding/json"
	"testing"
	"time"
)

func TestAnAttemptMayTakeLongerTheMoreFramesItHas(t *testing.T) {
	for params, want := range map[string]time.Duration{
		`{"url": "https://example.com/ada.mp4"}`: timeoutBase,
		`{"frames": 300}`:                        timeoutBase + 300*timeoutPerFrame,
		`{"frames": [300, 300, 180]}`:            timeoutBase + 780*timeoutPerFrame,
		`{"frames": 1000000}`:                    timeoutMost,
		`{"frames": "many"}`:                     timeoutBase,
	} {
		if got := timeout(json.RawMessage(params)); got != want {
			t.Errorf("%s may take %s, want %s", params, got, want)
		}
	}
}
