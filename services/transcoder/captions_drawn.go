package transcoder

import (
	"fmt"
	"image"
	"os"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/glyphs"
)

// fileDrawn holds captions to be drawn, in the task's folder.
const fileDrawn = "captions.ass"

// drawnFilter draws captions. FFmpeg's filter subtitles, which reads more formats, shapes text
// simply, whatever libass could do: Devanagari falls to pieces.
func drawnFilter(file string) string { return "ass=" + file + ":shaping=complex" }

// The units of what follows: a picture has so many of them.
const styleWidth, styleHeight = 384, 288

const (
	captionSize   = 15 // about a twentieth of the picture's height
	captionBottom = 16
	// captionSides is left and right of captions.
	captionSides = 10
	// shortestLine is the least width, in heights of a line, that captions are given beside a
	// bubble. Such a line has some 24 letters.
	shortestLine = 12
)

// style is that of captions: white with a dark edge, at the bottom, centred between margins. With
// an encoding of -1, its last field, a line is written in the direction of its first letter.
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

// writeDrawn writes a segment's captions to be drawn, keeping clear of a bubble that rests there.
func writeDrawn(path string, p msg.NormalizeParams) error {
	left, right, bottom := captionMargins(p)
	var b strings.Builder
	fmt.Fprintf(&b, style, styleWidth, styleHeight, captionSize, left, right, bottom)
	for _, c := range p.Captions {
		fmt.Fprintf(&b, "Dialogue: 0,%s,%s,Default,,0,0,0,,%s\n", hundredths(c.From, p.Rate), hundredths(c.To, p.Rate), drawable(c.Text))
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write captions: %w", err)
	}
	return nil
}

// hundredths writes the time of the first frame at or after d, as these files do: in hundredths of
// a second. What is cut off leads to no other frame, up to 100 frames a second.
func hundredths(d msg.Duration, rate msg.Rate) string {
	n := rate.Frames(time.Duration(d)) // the nearest
	if rate.At(n) < time.Duration(d) {
		n++
	}
	h := rate.At(n).Milliseconds() / 10
	return fmt.Sprintf("%d:%02d:%02d.%02d", h/360000, h/6000%60, h/100%60, h%100)
}

// markedUp replaces the signs of which libass's markup is made by others that look alike, and ends
// lines as it does.
var markedUp = strings.NewReplacer("{", "(", "}", ")", "\\", "/", "\n", `\N`)

// drawable is a text as libass can draw it.
func drawable(text string) string {
	return markedUp.Replace(glyphs.Ordered(glyphs.Single(text)))
}

// captionMargins are beside a bubble that rests in the lower third, or above it where too little is
// left beside it. They are the same in all of a video, also while there is no facecam or it fills
// the picture: captions do not jump.
func captionMargins(p msg.NormalizeParams) (left, right, bottom int) {
	left, right, bottom = captionSides, captionSides, captionBottom
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
	case free >= shortestLine*captionSize*p.Height/styleHeight && fromLeft < fromRight:
		left += fromLeft * styleWidth / p.Width
	case free >= shortestLine*captionSize*p.Height/styleHeight:
		right += fromRight * styleWidth / p.Width
	case face.Min.Y > p.Height/2: // above a bubble that is higher they would be in the page's way
		bottom = (p.Height - face.Min.Y) * styleHeight / p.Height
	}
	return left, right, bottom
}
