package transcoder

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// fileCaptions is in the task's folder.
const fileCaptions = "captions.srt"

// alike replaces the signs of which FFmpeg's markup is made by others that look alike.
var alike = strings.NewReplacer("{", "(", "}", ")", "<", "\u2039", ">", "\u203a", "\\", "/")

// markup is what FFmpeg takes for markup on the way to a track, or for another caption's times.
var markup = regexp.MustCompile(`<[^<>]*>|\{\\[^}]*\}?|\{[A-Za-z]:[^}]*\}?|\\[nN]|-->`)

// writeTrack writes captions for a track as SRT. They keep all signs but those of what would be
// lost, or end a line.
func writeTrack(path string, captions []msg.Caption) error {
	return writeSRT(path, captions, func(text string) string { return markup.ReplaceAllStringFunc(text, alike.Replace) })
}

func writeSRT(path string, captions []msg.Caption, plain func(text string) string) error {
	var b strings.Builder
	for i, c := range captions {
		fmt.Fprintf(&b, "%d\n%s --> %s\n%s\n\n", i+1, clock(c.From), clock(c.To), plain(c.Text))
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write captions: %w", err)
	}
	return nil
}

// clock writes a time as SRT does.
func clock(d msg.Duration) string {
	ms := time.Duration(d).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d,%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

// captionsInput opens them for a track.
func captionsInput() []string {
	return ffmpeg.Input(fileCaptions, "srt", "-f", "srt", "-sub_charenc", "UTF-8")
}

// captionsTrack are the options of a track from an input. language has three letters; empty: the
// track does not say.
func captionsTrack(input int, language string) []string {
	args := []string{"-map", fmt.Sprintf("%d:s:0", input), "-c:s", "mov_text"}
	if language != "" {
		args = append(args, "-metadata:s:s:0", "language="+language)
	}
	return args
}
