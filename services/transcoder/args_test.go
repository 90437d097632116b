package transcoder

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

var update = flag.Bool("update", false, "write the golden files")

// Command lines as golden files: one argument to a line.
func TestCommandLines(t *testing.T) {
	ntsc := msg.Rate{Num: 30000, Den: 1001}
	face := &bubbleSource{
		stream: ffmpeg.Stream{Index: 1, Type: "video", Codec: "vp9", Width: 1280, Height: 720},
		start:  -7_000_000, bubble: usual(1920, 1080),
	}
	loudness := &msg.Loudness{Integrated: -27.61, TruePeak: -4.47, Range: 18.06, Threshold: -39.2, Offset: 0.58}
	normalize := msg.NormalizeParams{Scene: 2, Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: 300, FirstFrame: 420}
	fit := normalize
	fit.Fit = &msg.Fit{Width: 750, Height: 1334, How: scene.FitContain, Background: "#f4f1ea"}
	withFace := normalize
	withFace.Facecam = true
	crossfade := withFace
	crossfade.Frames, crossfade.Crossfade, crossfade.Quality = 30, true, output.QualityHigh
	crossfade.Captions = []msg.Caption{{To: msg.Duration(400 * time.Millisecond), Text: "Hello"}}
	captioned := msg.OverlayParams{Width: 1920, Height: 1080, Rate: ntsc, Frames: 450, Captions: crossfade.Captions,
		Loudness: &output.Loudness{Integrated: new(float64)}}
	*captioned.Loudness.Integrated = -14
	still, growing := *face, *face
	still.bubble = *msg.BubbleOf(shown.Options{Shape: shown.ShapeRounded, Corner: shown.CornerTopRight, Mirror: true}, 1920, 1080, msg.FPS(60), 900)
	growing.bubble.Fullscreen = []msg.Moment{{From: 480, To: 600, Grow: 36, Shrink: 36}, {From: 700, To: 800}}
	fields := *face
	fields.stream.Interlaced = true
	sheer, sheerGrowing := *face, growing
	sheer.stream.Alpha, sheer.stream.Decoder, sheerGrowing.stream.Alpha = true, "libvpx-vp9", true
	whole := finished{name: fileVideo, want: expected{width: 1920, height: 1080, rate: ntsc, frames: 300}, thumbnails: []int{100, 150}}
	overlay := msg.OverlayParams{Width: 1920, Height: 1080, Rate: ntsc, Frames: 450}
	for name, args := range map[string][]string{
		"normalize":         normalizeArgs(normalize, nil, 2),
		"normalize-bubble":  normalizeArgs(withFace, face, 4),
		"normalize-mirror":  normalizeArgs(withFace, &still, 4),
		"normalize-moments": normalizeArgs(withFace, &growing, 4),
		"normalize-alpha":   normalizeArgs(withFace, &sheer, 4),
		"moments-alpha":     normalizeArgs(withFace, &sheerGrowing, 4),
		"normalize-fit":     normalizeArgs(fit, nil, 2),
		"normalize-bound":   boundedArgs(normalizeArgs(normalize, nil, 2), levelFor(1920, 1080, msg.FPS(60)).boundFor(time.Second)),
		"crossfade":         normalizeArgs(crossfade, face, 2),
		"concat":            concatArgs(msg.ConcatParams{Rate: ntsc}),
		"concat-final":      concatArgs(msg.ConcatParams{Rate: msg.FPS(60), Final: true}),
		"concat-captions":   concatArgs(msg.ConcatParams{Rate: msg.FPS(60), Final: true, Captions: make([]msg.Caption, 1), Language: "deu"}),
		"encode-again":      againArgs(msg.ConcatParams{Rate: ntsc}, fileForeign, "segment-0001", 2),
		"concat-list":       strings.Split(strings.TrimSpace(concatList(ntsc, []string{"segment-0001", "segment-0002"}, []int{170, 177})), "\n"),
		"sound":             soundArgs(overlaySound{stream: 1, start: 21_000_000}, 13*time.Second),
		"loudness":          loudnessArgs(overlaySound{stream: 1, to: 14 * time.Second}, webSpeech, 13*time.Second),
		"overlay":           overlayArgs(overlay, &overlaySound{stream: 1, start: 21_000_000, loudness: loudness}),
		"overlay-captions":  overlayArgs(captioned, &overlaySound{stream: 1, loudness: loudness}),
		"overlay-as-it-is":  overlayArgs(overlay, &overlaySound{stream: 0}),
		"overlay-no-sound":  overlayArgs(overlay, nil),
		"thumbnail":         thumbnailArgs(fileVideo, expected{width: 1920, height: 1080, rate: ntsc, frames: 300}, 150),
		"first-frame":       firstFrameArgs(ffmpeg.Stream{Index: 1}),
		"watch":             watchArgs(whole),
		"mezzanine-whole":   wholeArgs(fileNext),
		"facecam-alone":     face.aloneArgs(withFace),
		"facecam-fields":    fields.aloneArgs(withFace),
		"encode-own":        againArgs(msg.ConcatParams{Rate: ntsc}, "segment-0001", fileOwn, 2, "-frames:v", "1"),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".golden")
			got := strings.Join(args, "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s(go test -run TestCommandLines -update writes it)", got, want)
			}
		})
	}
}

func TestEveryInputIsALocalFileOfAKnownContainer(t *testing.T) {
	b := usual(320, 180)
	b.Fullscreen = []msg.Moment{{From: 2, To: 20, Grow: 4, Shrink: 4}}
	args := normalizeArgs(msg.NormalizeParams{Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30, Facecam: true}, &bubbleSource{bubble: b}, 1)
	inputs := 0
	for i, arg := range args {
		if arg != "-i" {
			continue
		}
		inputs++
		before := strings.Join(args[:i], " ")
		before = before[strings.LastIndex(before, "-protocol_whitelist"):]
		if args[i+1] == "pipe:0" && strings.HasPrefix(before, "-protocol_whitelist pipe -format_whitelist rawvideo ") {
			continue // what we draw ourselves
		}
		if !strings.HasPrefix(before, "-protocol_whitelist file,pipe -format_whitelist ") || strings.Contains(before, "-i ") {
			t.Errorf("input %s is opened with %q", args[i+1], before)
		}
		if !strings.HasPrefix(args[i+1], "file:") || strings.ContainsAny(args[i+1][5:], ":/") {
			t.Errorf("input %q is not a file of the task's folder", args[i+1])
		}
	}
	if inputs != 5 {
		t.Errorf("%d inputs, want 5", inputs)
	}
}

func TestCoverFillsABox(t *testing.T) {
	for _, test := range []struct{ width, height, across, down, wantWidth, wantHeight int }{
		{1920, 1080, 248, 248, 440, 248},
		{1080, 1920, 248, 248, 248, 440},
		{100, 100, 40, 40, 40, 40},
		{101, 100, 40, 40, 40, 40},
		{160, 10, 40, 40, 640, 40},
		{8192, 2, 40, 40, 640, 40},
		{2, 8192, 40, 40, 40, 640},
		{0, 0, 40, 40, 40, 40},
		{640, 480, 320, 180, 320, 240},
		{1080, 1920, 320, 180, 320, 568},
		{1920, 1080, 180, 320, 568, 320},
		{8192, 2, 320, 180, 2880, 180},
	} {
		if w, h := cover(test.width, test.height, test.across, test.down); w != test.wantWidth || h != test.wantHeight {
			t.Errorf("cover(%d, %d, %d, %d) = %d, %d; want %d, %d", test.width, test.height, test.across, test.down, w, h, test.wantWidth, test.wantHeight)
		}
	}
}

func TestSamplesLastAsLongAsFrames(t *testing.T) {
	for _, test := range []struct {
		rate   msg.Rate
		frames int
		want   int64
	}{
		{msg.FPS(60), 60, 48000}, {msg.FPS(24), 1, 2000}, {msg.Rate{Num: 30000, Den: 1001}, 30000, 1001 * 48000},
		{msg.Rate{Num: 60000, Den: 1001}, 1, 801}, {msg.FPS(60), 432000, 7200 * 48000},
	} {
		if got := samples(test.rate, test.frames); got != test.want {
			t.Errorf("%d frames at %s: %d samples, want %d", test.frames, test.rate, got, test.want)
		}
	}
}
