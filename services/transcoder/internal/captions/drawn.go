package captions

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/glyphs"
)

// drawnFile holds captions to be drawn, in the task's folder.
const drawnFile = "captions.ass"

// Filter draws what WriteDrawn wrote.
var Filter = drawFilter(drawnFile)

// drawFilter draws the captions of a file. FFmpeg's filter subtitles reads more formats, but shapes
// text simply even where libass can do better: Devanagari falls to pieces.
func drawFilter(file string) string { return "ass=" + file + ":shaping=complex" }

// styleWidth and styleHeight are the picture's size in the units of ASS. The sizes below are in
// these units too.
const styleWidth, styleHeight = 384, 288

const (
	fontSize     = 15 // about a twentieth of the picture's height
	bottomMargin = 16
	sideMargin   = 10
	// shortestLine is the least width, in heights of a line, that captions are given beside a
	// bubble. Such a line has some 24 letters.
	shortestLine = 12
)

// style is white text with a dark edge, at the bottom, centred between margins. With an encoding of
// -1, its last field, a line is written in the direction of its first letter.
const style = `[Script Info]
ScriptType: v4.00+
PlayResX: %d
PlayResY: %d
ScaledBorderAndShadow: yes
WrapStyle: 0

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, ` +
	`Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,sans-serif,%d,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1.2,0,2,%d,%d,%d,-1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
`

// WriteDrawn writes a segment's captions, to be drawn, into dir. They keep clear of the bubble.
func WriteDrawn(dir string, p msg.NormalizeParams) error { return writeDrawn(dir, drawnFile, p) }

func writeDrawn(dir, name string, p msg.NormalizeParams) error {
	left, right, bottom := margins(p)
	var b strings.Builder
	fmt.Fprintf(&b, style, styleWidth, styleHeight, fontSize, left, right, bottom)
	for _, c := range p.Captions {
		fmt.Fprintf(&b, "Dialogue: 0,%s,%s,Default,,0,0,0,,%s\n", hundredths(c.From, p.Rate), hundredths(c.To, p.Rate), drawable(c.Text))
	}
	return writeFile(dir, name, b.String())
}

func writeFile(dir, name, text string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write captions: %w", err)
	}
	return nil
}

// hundredths writes the time of the first frame at or after d, as ASS does: in hundredths of a
// second. Cutting off the rest leads to no other frame, up to 100 frames a second.
func hundredths(d msg.Duration, rate msg.Rate) string {
	n := rate.Frames(time.Duration(d)) // the nearest
	if rate.At(n) < time.Duration(d) {
		n++
	}
	h := rate.At(n).Milliseconds() / 10
	return fmt.Sprintf("%d:%02d:%02d.%02d", h/360000, h/6000%60, h/100%60, h%100)
}

// markedUp replaces the characters of libass's markup by others that look alike, and ends lines as
// libass does.
var markedUp = strings.NewReplacer("{", "(", "}", ")", "\\", "/", "\n", `\N`)

// drawable returns a text as libass can draw it.
func drawable(text string) string {
	return markedUp.Replace(glyphs.Ordered(glyphs.Single(text)))
}

// margins leave room for a bubble in the lower third: captions are beside it, or above it where too
// little width is left. They are the same in all of a video, also while there is no facecam or it
// fills the picture, so that captions do not jump.
func margins(p msg.NormalizeParams) (left, right, bottom int) {
	left, right, bottom = sideMargin, sideMargin, bottomMargin
	if !p.Facecam {
		return left, right, bottom
	}
	b := bubble.Or(p.Bubble, p.Width, p.Height, p.Rate)
	face := image.Rect(b.X, b.Y, b.X+b.Width, b.Y+b.Height).Inset(-bubble.Pad(*b))
	if face.Max.Y <= p.Height*2/3 {
		return left, right, bottom
	}
	fromLeft, fromRight := face.Max.X, p.Width-face.Min.X
	switch free := p.Width - min(fromLeft, fromRight); {
	case free >= shortestLine*fontSize*p.Height/styleHeight && fromLeft < fromRight:
		left += fromLeft * styleWidth / p.Width
	case free >= shortestLine*fontSize*p.Height/styleHeight:
		right += fromRight * styleWidth / p.Width
	case face.Min.Y > p.Height/2: // above a higher bubble they would cover the middle of the page
		bottom = (p.Height - face.Min.Y) * styleHeight / p.Height
	}
	return left, right, bottom
}
