package transcoder

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func captions(list ...msg.Caption) []msg.Caption { return list }

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
		Captions: captions(caption(500*time.Millisecond, 1500*time.Millisecond, "Welcome to {the} <show>\nof the year")),
	}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", mezzanine(t, rate, count, testWidth, testHeight, solid(90), nil), nil)}, msg.Segment)
	video := decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
	for n := range count {
		brightest := 0.0
		for y := testHeight / 2; y < testHeight; y++ {
			for x := range testWidth {
				brightest = max(brightest, video.rgb(n, x, y)[0])
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
	face, _ := b.probed(t, makeFile(t, "facecam.mp4", nil,
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
		over := msg.BubbleOf(facecam.Options{Corner: c.corner, Size: 0.3, Border: facecam.Border{Color: "#000000"}}, c.width, c.height, rate, count)
		scene := mezzanine(t, rate, count, c.width, c.height, solid(90), nil)
		b.must(t, msg.Normalize, msg.NormalizeParams{
			Scene: 1, Width: c.width, Height: c.height, Rate: rate, Frames: count, Facecam: true, Bubble: over,
			Captions: captions(caption(0, time.Second, "Everything that you sell, everything that you sold, at once, in one place")),
		}, map[string]msg.Input{msg.Mezzanine: b.input(t, "m", scene, nil), msg.FacecamFile: face}, msg.Segment)
		video := decode(t, b.store.get(t, "normalize/segment"), c.width, c.height)
		var drawn image.Rectangle
		for y := range c.height {
			for x := range c.width {
				if video.rgb(0, x, y)[0] > 150 {
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
	said := captions(caption(250*time.Millisecond, time.Second, "One"), caption(2*time.Second, 3*time.Second, "Two <b>\nlines"))
	b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: lengths, Final: true, Captions: said, Language: "deu"},
		b.segmentsOf(t, rate, lengths), outputsOfVideo...)
	if got := language(t, b.store.get(t, "concat/video")); got != "deu" {
		t.Errorf("the track's language is %q", got)
	}
	checkTrack(t, b.store.get(t, "concat/video"))

	face, _ := b.probed(t, facecamVideo(t, rate, 48, 160, 120, pcm(2*time.Second, beep(1))))
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
		// What FFmpeg takes for markup.
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
		fmt.Fprintf(&want, "%d\n%s --> %s\n%s\n\n", i+1, clock(msg.Duration(from)), clock(msg.Duration(to)), text.want)
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

// language reads what language a video's captions are in.
func language(t *testing.T, video []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(path, video, 0o600); err != nil {
		t.Fatal(err)
	}
	out := command(t, nil, tools.FFprobe, "-v", "error", "-select_streams", "s:0", "-show_entries", "stream_tags=language", "-of", "csv=p=0", path)
	return strings.TrimSpace(string(out))
}

// track reads a video's captions, as SRT.
func track(t *testing.T, video []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(path, video, 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(command(t, nil, tools.FFmpeg, "-v", "error", "-i", path, "-map", "0:s:0", "-f", "srt", "-")), "\r", "")
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
