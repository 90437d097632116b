package transcoder

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/glyphs"
)

// fileGlyphs holds what of captions not every font has, in the task's folder.
const fileGlyphs = "glyphs.ass"

// missingGlyphs draws what of captions not every font has on a picture that nobody sees, and
// returns a warning for each kind of sign that no font here has: boxes are drawn in their place. It
// is the same in every segment of a video.
func (h handler) missingGlyphs(ctx context.Context, log zerolog.Logger, dir string, captions []msg.Caption) ([]msg.Warning, error) {
	texts := make([]string, 0, len(captions))
	for _, c := range captions {
		texts = append(texts, drawable(c.Text))
	}
	rare := glyphs.Rare(texts...)
	if rare == "" {
		return nil, nil
	}
	all := msg.NormalizeParams{Rate: msg.FPS(1), Captions: []msg.Caption{{To: msg.Duration(time.Second), Text: rare}}}
	if err := writeDrawn(filepath.Join(dir, fileGlyphs), all); err != nil {
		return nil, err
	}
	said, err := h.tools.RunInfo(ctx, dir, glyphsArgs(), nil)
	if err != nil {
		return nil, fmt.Errorf("try the fonts: %w", err)
	}
	missing := glyphs.Missing(said)
	if len(missing) == 0 {
		return nil, nil
	}
	log.Warn().Str("signs", fmt.Sprintf("%U", missing)).Msg("captions have signs that no font here has")
	var warnings []msg.Warning
	for _, kind := range glyphs.Kinds(missing) {
		warnings = append(warnings, msg.Warning{Code: msg.CodeCaptionsGlyphs, Message: fmt.Sprintf(
			"Some signs of the captions cannot be drawn, and boxes are in their place: %s. Please leave them out, or show the captions as a track.", kind)})
	}
	return warnings, nil
}

// glyphsArgs is the command line that makes libass look for a font for each sign of fileGlyphs, and
// say which it has not found.
func glyphsArgs() []string {
	return append(ffmpeg.Global("warning"), "-f", "lavfi", "-i", "color=s=64x64:r=1:d=1",
		"-vf", drawnFilter(fileGlyphs), "-frames:v", "1", "-f", "null", "-")
}
