package facecam

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// FFmpeg 7 does not fail when nothing of a file can be decoded.
func TestWhatCanBeDecodedOfAFacecamIsCounted(t *testing.T) {
	t.Parallel()
	rate := msg.FPS(24)
	whole := mediatest.Facecam(t, rate, 48, 160, 120, nil)
	for name, test := range map[string]struct {
		data            []byte
		from, to        time.Duration
		packets, frames int
	}{
		"whole":     {whole, 0, 2 * time.Second, 48, 48},
		"its start": {whole, 0, time.Second / 4, 6, 6},
		"damaged":   {mediatest.Spoil(t, whole, "v:0", func(n int) bool { return n > 0 }), 0, 2 * time.Second, 48, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, File), test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			packets, frames, err := mediatest.Tools.Decoded(t.Context(), dir, File, ffmpeg.Containers, 0, test.from, test.to, boundedDecoder...)
			if err != nil || packets != test.packets || frames != test.frames {
				t.Errorf("%d packets and %d frames, %v, want %d and %d", packets, frames, err, test.packets, test.frames)
			}
		})
	}
}
