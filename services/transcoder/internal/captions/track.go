package captions

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// trackFile is in the task's folder.
const trackFile = "captions.srt"

// alike replaces the characters of FFmpeg's markup by others that look alike.
var alike = strings.NewReplacer("{", "(", "}", ")", "<", "\u2039", ">", "\u203a", "\\", "/")

// markup is what FFmpeg takes for markup on its way into a track, or for another caption's times.
var markup = regexp.MustCompile(`<[^<>]*>|\{\\[^}]*\}?|\{[A-Za-z]:[^}]*\}?|\\[nN]|-->`)

// WriteTrack writes captions for a track into dir. Only characters that FFmpeg would drop as
// markup, or take for the end of a line, are replaced.
func WriteTrack(dir string, list []msg.Caption) error {
	var b strings.Builder
	for i, c := range list {
		text := markup.ReplaceAllStringFunc(c.Text, alike.Replace)
		fmt.Fprintf(&b, "%d\n%s --> %s\n%s\n\n", i+1, clock(c.From), clock(c.To), text)
	}
	return writeFile(dir, trackFile, b.String())
}

// clock writes a time as SRT does.
func clock(d msg.Duration) string {
	ms := time.Duration(d).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d,%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

// TrackInput returns the options that open what WriteTrack wrote.
func TrackInput() []string {
	return ffmpeg.Input(trackFile, "srt", "-f", "srt", "-sub_charenc", "UTF-8")
}

// Track returns the options that write an input as a track. language has three letters; empty, the
// track does not name one.
func Track(input int, language string) []string {
	args := []string{"-map", fmt.Sprintf("%d:s:0", input), "-c:s", "mov_text"}
	if language != "" {
		args = append(args, "-metadata:s:s:0", "language="+language)
	}
	return args
}
