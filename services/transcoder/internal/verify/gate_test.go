package verify

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
)

func TestSoundThatIsDamagedOrNotAsLoudAsItShouldBeIsRefused(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	const width, height, name = 320, 180, "video.mp4"
	rate, count := msg.FPS(24), 96
	file := func(w mediatest.Wave) []byte {
		return mediatest.Facecam(t, rate, count, width, height, mediatest.PCM(rate.At(count), w), "-c:a", "aac", "-movflags", "+faststart")
	}
	// A tone in one channel of this amplitude has -16 LUFS.
	tone := func(decibels float64) mediatest.Wave {
		return func(s float64) float64 { return 0.2296 * math.Pow(10, decibels/20) * math.Sin(2*math.Pi*1000*s) }
	}
	damaged := mediatest.Spoil(t, file(mediatest.Beep(0.5)), "a:0", func(int) bool { return true })
	evenly, peaksForbid := Expected{Loudness: &sound.WebSpeech, Evenly: true}, Expected{Loudness: &sound.WebSpeech}
	for what, c := range map[string]struct {
		data  []byte
		want  Expected
		words string
	}{
		"as asked":                         {file(tone(0)), evenly, ""},
		"a little softer":                  {file(tone(-1.2)), evenly, ""},
		"a little louder":                  {file(tone(1.2)), evenly, ""},
		"softer":                           {file(tone(-2)), evenly, "its sound is too soft: -18."},
		"louder":                           {file(tone(2)), evenly, "its sound is too loud: -14."},
		"softer, as peaks forbid more":     {file(tone(-9)), peaksForbid, ""},
		"louder, though peaks forbid more": {file(tone(2)), peaksForbid, "its sound is too loud: -14."},
		"left as it is":                    {file(tone(-30)), Expected{}, ""},
		"damaged":                          {damaged, evenly, "its sound cannot be decoded"},
		"silent":                           {file(tone(-200)), evenly, "its sound is silence"},
		"silent as it is":                  {file(tone(-200)), Expected{}, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		err := listen(t.Context(), mediatest.Tools, dir, name, c.want, new(msg.SoundReport))
		if got := fmt.Sprint(err); (err == nil) != (c.words == "") || !strings.Contains(got, c.words) {
			t.Errorf("%s: %v, want %q", what, err, c.words)
		}
	}
}
