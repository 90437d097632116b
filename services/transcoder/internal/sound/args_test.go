package sound

import (
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestCommandLines(t *testing.T) {
	ntsc := msg.Rate{Num: 30000, Den: 1001}
	loudness := &msg.Loudness{Integrated: -27.61, TruePeak: -4.47, Range: 18.06, Threshold: -39.2, Offset: 0.58}
	overlay := msg.OverlayParams{Width: 1920, Height: 1080, Rate: ntsc, Frames: 450}
	captioned := overlay
	captioned.Captions = []msg.Caption{{To: msg.Duration(400 * time.Millisecond), Text: "Hello"}}
	loud := -14.
	captioned.Loudness = &output.Loudness{Integrated: &loud}
	mediatest.Golden(t, map[string][]string{
		"sound":            decodeArgs(Source{Stream: 1, Start: 21_000_000}, 13*time.Second),
		"loudness":         measureArgs(Source{Stream: 1, To: 14 * time.Second}, WebSpeech, 13*time.Second),
		"overlay":          mixArgs(overlay, &Source{Stream: 1, Start: 21_000_000, Loudness: loudness}),
		"overlay-captions": mixArgs(captioned, &Source{Stream: 1, Loudness: loudness}),
		"overlay-as-it-is": mixArgs(overlay, &Source{Stream: 0}),
		"overlay-no-sound": mixArgs(overlay, nil),
	})
}

func TestSamplesLastAsLongAsFrames(t *testing.T) {
	for _, test := range []struct {
		rate   msg.Rate
		frames int
		want   int64
	}{
		{msg.FPS(60), 60, 48000}, {msg.FPS(24), 1, 2000}, {msg.Rate{Num: 30000, Den: 1001}, 30000, 1001 * 48000},
		{msg.Rate{Num: 60000, Den: 1001}, 1, 801}, {msg.FPS(60), 432000, 7200 * 48000},
	} {
		if got := Samples(test.rate, test.frames); got != test.want {
			t.Errorf("%d frames at %s: %d samples, want %d", test.frames, test.rate, got, test.want)
		}
	}
}
