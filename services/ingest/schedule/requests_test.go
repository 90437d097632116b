package schedule

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestAnAttemptMayTakeLongerTheMoreFramesItHas(t *testing.T) {
	for params, want := range map[string]time.Duration{
		`{"url": "https://example.com/ada.png"}`: timeoutBase,
		`{"frames": 300}`:                        timeoutBase + 300*timeoutPerFrame,
		`{"frames": [300, 300, 180]}`:            timeoutBase + 780*timeoutPerFrame,
		`{"frames": 1000000}`:                    timeoutMost,
		`{"frames": "many"}`:                     timeoutBase,
	} {
		if got := timeout(msg.Concat, json.RawMessage(params)); got != want {
			t.Errorf("%s may take %s, want %s", params, got, want)
		}
	}
	if got := timeout(msg.Probe, json.RawMessage(`{"url": "https://example.com/ada.mp4"}`)); got != msg.ProbeTimeout {
		t.Errorf("a probe may take %s, want %s", got, msg.ProbeTimeout)
	}
}
