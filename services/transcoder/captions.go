package transcoder

import (
	"fmt"
	"image"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// fileCaptions is in the task's folder.
const fileCaptions = "captions.srt"

// alike replaces the signs of which FFmpeg's and libass's markup is made by others that look alike.
var alike = strings.NewReplacer("{", "(", "}", ")", "<", "\u2039", ">", "\u203a", "\\", "/")

// markup is what FFmpeg takes for markup on the way to a track, or for another caption's times.
var markup = regexp.MustCompile(`<[^<>]*>|\{\\[^}]*\}?|\{[A-Za-z]:[^}]*\}?|\\[nN]|-->`)

// writeCaptions writes captions to be drawn as SRT.
func writeCaptions(path string, captions []msg.Caption) error {
	return writeSRT(path, captions, alike.Replace)
}

// writeTrack writes captions for a track as SRT. They keep all signs but those of what would be lost, or end a line.
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

// styleWidth is how many units of a style are as wide as the picture: FFmpeg's, for SRT.
const styleWidth = 384

// captionsFilter draws them: white with a dark edge, at the bottom, a line about a twentieth of the picture's height, beside a bubble that
// rests there.
func captionsFilter(p msg.NormalizeParams) string {
	style := "Fontname=sans-serif,Fontsize=15,Outline=1.2,Shadow=0,MarginV=16"
	if left, right := besideBubble(p); left+right > 0 {
		style += fmt.Sprintf(",MarginL=%d,MarginR=%d", styleMargin+left*styleWidth/p.Width, styleMargin+right*styleWidth/p.Width)
	}
	return "subtitles=" + fileCaptions + ":charenc=UTF-8:force_style='" + style + "'"
}

// styleMargin is left and right of all captions, in units of a style: FFmpeg's.
const styleMargin = 10

// besideBubble returns how much of the picture's width, from the left or from the right, a bubble takes that rests in the lower third,
// unless so little is left that captions are better over it.
func besideBubble(p msg.NormalizeParams) (left, right int) {
	if !p.Facecam {
		return 0, 0
	}
	b := bubbleOr(p.Bubble, p.Width, p.Height, p.Rate)
	face := image.Rect(b.X, b.Y, b.X+b.Width, b.Y+b.Height).Inset(-bubble.Pad(*b))
	left, right = face.Max.X, p.Width-face.Min.X
	switch {
	case face.Max.Y <= p.Height*2/3 || min(left, right) > p.Width/2:
		return 0, 0
	case left < right:
		return left, 0
	}
	return 0, right
}

// captionsInput opens them for a track.
func captionsInput() []string {
	return ffmpeg.Input(fileCaptions, "srt", "-f", "srt", "-sub_charenc", "UTF-8")
}

// captionsTrack are the options of a track from an input. language has three letters; empty: the track does not say.
func captionsTrack(input int, language string) []string {
	args := []string{"-map", fmt.Sprintf("%d:s:0", input), "-c:s", "mov_text"}
	if language != "" {
		args = append(args, "-metadata:s:s:0", "language="+language)
	}
	return args
}
