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

// Styles of SRT count in FFmpeg's units, of which a picture has so many.
const styleWidth, styleHeight = 384, 288

const (
	captionSize   = 15 // about a twentieth of the picture's height
	captionBottom = 16
	// captionSides is left and right of captions, FFmpeg's.
	captionSides = 10
	// shortestLine is the least width, in heights of a line, that captions are given beside a bubble. Such a line has some 24 letters.
	shortestLine = 12
)

// captionsFilter draws them: white with a dark edge, at the bottom, keeping clear of a bubble that rests there.
func captionsFilter(p msg.NormalizeParams) string {
	left, right, bottom := captionMargins(p)
	return fmt.Sprintf("subtitles=%s:charenc=UTF-8:force_style='Fontname=sans-serif,Fontsize=%d,Outline=1.2,Shadow=0,MarginL=%d,MarginR=%d,MarginV=%d'",
		fileCaptions, captionSize, left, right, bottom)
}

// captionMargins are beside a bubble that rests in the lower third, or above it where too little is left beside it. They are the same in
// all of a video, also while there is no facecam or it fills the picture: captions do not jump.
func captionMargins(p msg.NormalizeParams) (left, right, bottom int) {
	left, right, bottom = captionSides, captionSides, captionBottom
	if !p.Facecam {
		return left, right, bottom
	}
	b := bubbleOr(p.Bubble, p.Width, p.Height, p.Rate)
	face := image.Rect(b.X, b.Y, b.X+b.Width, b.Y+b.Height).Inset(-bubble.Pad(*b))
	if face.Max.Y <= p.Height*2/3 {
		return left, right, bottom
	}
	fromLeft, fromRight := face.Max.X, p.Width-face.Min.X
	switch free := p.Width - min(fromLeft, fromRight); {
	case free >= shortestLine*captionSize*p.Height/styleHeight && fromLeft < fromRight:
		left += fromLeft * styleWidth / p.Width
	case free >= shortestLine*captionSize*p.Height/styleHeight:
		right += fromRight * styleWidth / p.Width
	case face.Min.Y > p.Height/2: // above a bubble that is higher they would be in the page's way
		bottom = (p.Height - face.Min.Y) * styleHeight / p.Height
	}
	return left, right, bottom
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
