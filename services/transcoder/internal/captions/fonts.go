package captions

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/glyphs"
)

// glyphsFile holds those characters of captions that not every font has, in the task's folder.
const glyphsFile = "glyphs.ass"

// CheckFonts draws those characters of captions that not every font has on a picture that nobody
// sees. It returns a warning for each kind of characters that no font of this machine has: boxes
// are drawn in their place. The warnings are the same for each segment of a video.
func CheckFonts(ctx context.Context, log zerolog.Logger, tools ffmpeg.Tools, dir string, list []msg.Caption) ([]msg.Warning, error) {
	texts := make([]string, 0, len(list))
	for _, c := range list {
		texts = append(texts, drawable(c.Text))
	}
	rare := glyphs.Rare(texts...)
	if rare == "" {
		return nil, nil
	}
	all := msg.NormalizeParams{Rate: msg.FPS(1), Captions: []msg.Caption{{To: msg.Duration(time.Second), Text: rare}}}
	if err := writeDrawn(dir, glyphsFile, all); err != nil {
		return nil, err
	}
	said, err := tools.RunInfo(ctx, dir, glyphsArgs(), nil)
	if err != nil {
		return nil, fmt.Errorf("try the fonts: %w", err)
	}
	missing := glyphs.Missing(said)
	if len(missing) == 0 {
		return nil, nil
	}
	log.Warn().Str("characters", fmt.Sprintf("%U", missing)).Msg("no font has some characters of the captions")
	var warnings []msg.Warning
	for _, kind := range glyphs.Kinds(missing) {
		warnings = append(warnings, msg.Warning{Code: msg.CodeCaptionsGlyphs, Message: fmt.Sprintf(
			"Some signs of the captions cannot be drawn, and boxes are in their place: %s. Please leave them out, or show the captions as a track.", kind)})
	}
	return warnings, nil
}

// glyphsArgs is the command line that makes libass look for a font for each character of
// glyphsFile, and log those that it has not found.
func glyphsArgs() []string {
	return append(ffmpeg.Global("warning"), "-f", "lavfi", "-i", "color=s=64x64:r=1:d=1",
		"-vf", drawFilter(glyphsFile), "-frames:v", "1", "-f", "null", "-")
}
