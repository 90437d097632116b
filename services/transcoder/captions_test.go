package transcoder

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func captioned(list ...msg.Caption) []msg.Caption { return list }

func caption(from, to time.Duration, text string) msg.Caption {
	return msg.Caption{From: msg.Duration(from), To: msg.Duration(to), Text: text}
}

func TestCaptionsAreDrawnWhileTheyAreSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const count = 60
	rate := msg.FPS(30)
	b.must(t, msg.Normalize, msg.NormalizeParams{
		Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count,
		Captions: captioned(caption(500*time.Millisecond, 1500*time.Millisecond, "Welcome to {the} <show>\nof the year")),
	}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Solid(90), nil), nil)}, msg.Segment)
	video := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
	for n := range count {
		brightest := 0.0
		for y := testHeight / 2; y < testHeight; y++ {
			for x := range testWidth {
				brightest = max(brightest, video.RGB(n, x, y)[0])
			}
		}
		if drawn, want := brightest > 180, n >= 15 && n < 45; drawn != want {
			t.Errorf("frame %d: drawn %v, want %v (brightness %.0f)", n, drawn, want, brightest)
		}
	}
}

func TestCaptionsKeepClearOfABubbleThatRestsAtTheBottom(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const count = 2
	rate := msg.FPS(24)
	face, _ := b.probed(t, mediatest.Make(t, "facecam.mp4", nil,
		"-f", "lavfi", "-i", "color=c=black:s=160x160:r=24:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p"))
	for _, c := range []struct {
		corner        string
		width, height int
		free          image.Rectangle
	}{
		{facecam.CornerBottomLeft, 320, 180, image.Rect(80, 100, 320, 180)},
		{facecam.CornerBottomRight, 320, 180, image.Rect(0, 100, 240, 180)},
		{facecam.CornerTopLeft, 320, 180, image.Rect(0, 100, 320, 180)},
		{facecam.CornerBottomLeft, 180, 320, image.Rect(0, 0, 180, 255)},
	} {
		over := facecam.BubbleOf(facecam.Options{Corner: c.corner, Size: 0.3, Border: facecam.Border{Color: "#000000"}}, c.width, c.height, rate, count)
		scene := mediatest.Mezzanine(t, rate, count, c.width, c.height, mediatest.Solid(90), nil)
		b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: 1, Width: c.width, Height: c.height, Rate: rate, Frames: count, Facecam: true, Bubble: over,
			Captions: captioned(caption(0, time.Second, "Everything that you sell, everything that you sold, at once, in one place")),
		}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment)
		video := mediatest.Decode(t, b.store.get(t, "normalize/segment"), c.width, c.height)
		var drawn image.Rectangle
		for y := range c.height {
			for x := range c.width {
				if video.RGB(0, x, y)[0] > 150 {
					drawn = drawn.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		if drawn.Empty() || !drawn.In(c.free) || drawn.Dx() < c.free.Dx()/2 {
			t.Errorf("%s of %d×%d: letters are drawn in %v, want half of the width of %v and more", c.corner, c.width, c.height, drawn, c.free)
		}
	}
}

func TestCaptionsAreATrackOfTheFinishedVideo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, lengths := msg.FPS(24), []int{24, 48}
	said := captioned(caption(250*time.Millisecond, time.Second, "One"), caption(2*time.Second, 3*time.Second, "Two <b>\nlines"))
	b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true, Captions: said, Language: "deu"},
		b.segmentsOf(t, rate, lengths), outputsOfVideo...)
	if got := language(t, b.store.get(t, "concat/video")); got != "deu" {
		t.Errorf("the track's language is %q", got)
	}
	checkTrack(t, b.store.get(t, "concat/video"))

	face, _ := b.probed(t, mediatest.Facecam(t, rate, 48, 160, 120, mediatest.PCM(2*time.Second, mediatest.Beep(1))))
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: 72, Captions: said, Language: "por"},
		map[string]msg.Input{msg.Joined: b.joined(t, rate, 72), msg.FacecamFile: face}, outputsOfVideo...)
	checkTrack(t, b.store.get(t, "overlay/video"))
	if got := language(t, b.store.get(t, "overlay/video")); got != "por" {
		t.Errorf("the track's language is %q", got)
	}
}

func TestATrackHasTheSignsThatItsCaptionsHave(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	texts := []struct{ said, want string }{
		{"1 < 2, <3", "1 < 2, <3"}, {"2 > 1 < 2", "2 > 1 < 2"},
		{"f(x) = {a | b}, {}, { }", "f(x) = {a | b}, {}, { }"},
		{`C:\temp\, \o/, \{`, `C:\temp\, \o/, \{`},
		{"Fish & chips &amp; &lt;", "Fish & chips &amp; &lt;"},
		{"a --> b", "a --› b"},
		// FFmpeg takes these for markup.
		{"<b>x</b> <v Ann> < b> <>", "‹b›x‹/b› ‹v Ann› ‹ b› ‹›"}, {"<x\ny> <<1>>", "‹x\ny› <‹1›>"},
		{`{\an8}x {\ {y:i} {\foo<b>}`, `(/an8)x (/ (y:i) (/foo‹b›)`},
		{`C:\new\N`, `C:/new/N`},
		{"00:00:01,000 --> 00:00:02,000", "00:00:01,000 --› 00:00:02,000"},
	}
	var said []msg.Caption
	var want strings.Builder
	for i, text := range texts {
		from, to := time.Duration(i)*time.Second/8, time.Duration(i+1)*time.Second/8
		said = append(said, caption(from, to, text.said))
		fmt.Fprintf(&want, "%d\n%s --> %s\n%s\n\n", i+1, clock(from), clock(to), text.want)
	}
	b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{48}, Final: true, Captions: said},
		b.segmentsOf(t, rate, []int{48}), outputsOfVideo...)
	if got := track(t, b.store.get(t, "concat/video")); got != want.String() {
		t.Errorf("the track is\n%s\nwant\n%s", got, want.String())
	}
	if got := language(t, b.store.get(t, "concat/video")); got != "" && got != "und" {
		t.Errorf("the track's language is %q, though none is known", got)
	}
}

// clock writes a time as SRT does, below a minute.
func clock(d time.Duration) string {
	return fmt.Sprintf("00:00:%02d,%03d", d/time.Second, d.Milliseconds()%1000)
}

// language returns the language of a video's captions.
func language(t *testing.T, video []byte) string {
	t.Helper()
	movie, err := mp4.DecodeFile(bytes.NewReader(video))
	if err != nil {
		t.Fatal(err)
	}
	traks := movie.Moov.Traks
	return traks[len(traks)-1].Mdia.Mdhd.GetLanguage()
}

// track returns a video's captions as SRT.
func track(t *testing.T, video []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(path, video, 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(mediatest.Run(t, nil, mediatest.Tools.FFmpeg, "-v", "error", "-i", path, "-map", "0:s:0", "-f", "srt", "-")), "\r", "")
}

func checkTrack(t *testing.T, video []byte) {
	t.Helper()
	got := track(t, video)
	want := "1\n00:00:00,250 --> 00:00:01,000\nOne\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo ‹b›\nlines\n\n"
	if got != want {
		t.Errorf("the track is\n%q, want\n%q", got, want)
	}
	checkTiming(t, video, msg.FPS(24), 72)
}

// drawnCaptions returns the pictures of captions on grey, each of which is shown for some frames of
// a video.
func (b *bench) drawnCaptions(t *testing.T, texts ...string) (pictures [][]byte) {
	t.Helper()
	const width, height, each = 640, 360, 3 // frames
	rate, list := msg.FPS(24), []msg.Caption(nil)
	for i, text := range texts {
		list = append(list, caption(rate.At(each*i), rate.At(each*(i+1)), text))
	}
	frames := each * len(texts)
	still := mediatest.Mezzanine(t, rate, frames, width, height, mediatest.Solid(90), nil)
	b.must(t, msg.Normalize, msg.NormalizeParams{
		Scene: 1, Width: width, Height: height, Rate: rate, Frames: frames, Quality: "high", Captions: list,
	}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", still, nil)}, msg.Segment)
	video := mediatest.Decode(t, b.store.get(t, "normalize/segment"), width, height)
	for i := range texts {
		pictures = append(pictures, video.Frames[each*i+1][:width*height])
	}
	return pictures
}

// Text that is read from right to left looks like the same characters forced from left to right, in
// the order in which they are seen.
func TestRightToLeftCaptionsAreInTheirOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	texts := []struct{ said, seen string }{
		{"שלום עולם!", "!םלוע םולש"},
		{"שלום (world) 123!", "!123 (world) םולש"},
		{"hello (שלום) 12.", "hello (םולש) 12."},
		{"שלום, a!\nhello, שלום!", "!a ,םולש\nhello, םולש!"},
	}
	var said []string
	for _, text := range texts {
		seen := strings.Split(text.seen, "\n")
		for i, line := range seen {
			seen[i] = "\u202d" + line + "\u202c"
		}
		said = append(said, text.said, strings.Join(seen, "\n"))
	}
	drawn := b.drawnCaptions(t, said...)
	for i, text := range texts {
		got, want := drawn[2*i], drawn[2*i+1]
		other := 0
		for i := range got {
			if max(got[i], want[i])-min(got[i], want[i]) > 60 {
				other++
			}
		}
		if other > 40 { // kerning moves edges a little
			t.Errorf("%d pixels are others than in %q", other, text.seen)
		}
	}
}

// Scripts whose letters join, or change their order: Devanagari's vowel i stands before its
// consonant, and conjuncts are one glyph. A zero-width non-joiner keeps letters apart.
func TestCaptionsAreShaped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	drawn := b.drawnCaptions(t, "क्षत्रिय", "क्\u200cषत्\u200cरिय")
	width := func(picture []byte) int {
		from, to := 640, 0
		for i, level := range picture {
			if level > 150 {
				from, to = min(from, i%640), max(to, i%640)
			}
		}
		return to - from
	}
	joined, apart := width(drawn[0]), width(drawn[1])
	if joined < 10 || joined > apart*85/100 {
		t.Errorf("%d pixels wide, and %d with letters that are kept apart", joined, apart)
	}
}

func TestSignsThatNoFontHasAreTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	still := b.input(t, "m", mediatest.Mezzanine(t, msg.FPS(24), 2, testWidth, testHeight, mediatest.Solid(90), nil), nil)
	warnings := func(texts ...string) string {
		var list []msg.Caption
		for _, text := range texts {
			list = append(list, caption(0, time.Second, text))
		}
		facts := b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 2, Captions: list,
		}, map[string]msg.Input{msg.Mezzanine: still}, msg.Segment).(msg.VideoFacts)
		var all []string
		for _, w := range facts.Warnings {
			all = append(all, string(w.Code)+": "+w.Message)
		}
		return strings.Join(all, "\n")
	}
	if got := warnings("Grüße, Ελλάδα, “да” – 100 €"); got != "" {
		t.Errorf("%s, want no warning", got)
	}
	// No font of a system has characters for private use.
	const private = "\U000f1234"
	got := warnings("one "+private, "two "+private+" \U000f1235")
	if !strings.HasPrefix(got, string(msg.CodeCaptionsGlyphs)+": ") || strings.Count(got, "\n") > 0 {
		t.Errorf("%q, want one warning", got)
	}
}
