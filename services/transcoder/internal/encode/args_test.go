package encode

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/picture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommandLines(t *testing.T) {
	ntsc := msg.Rate{Num: 30000, Den: 1001}
	face := &picture.Bubble{
		Picture: facecam.Picture{Stream: ffmpeg.Stream{Index: 1, Type: "video", Codec: "vp9", Width: 1280, Height: 720}, Start: -7_000_000},
		Place:   *bubble.Or(nil, 1920, 1080, msg.FPS(1)),
	}
	normalize := msg.NormalizeParams{Scene: 2, Width: 1920, Height: 1080, Rate: msg.FPS(60), Frames: 300, FirstFrame: 420}
	fit := normalize
	fit.Fit = &msg.Fit{Width: 750, Height: 1334, How: scene.FitContain, Background: "#f4f1ea"}
	withFace := normalize
	withFace.Facecam = true
	crossfade := withFace
	crossfade.Frames, crossfade.Crossfade, crossfade.Quality = 30, true, output.QualityHigh
	crossfade.Captions = []msg.Caption{{To: msg.Duration(400 * time.Millisecond), Text: "Hello"}}
	still, growing := *face, *face
	still.Place = *shown.BubbleOf(shown.Options{Shape: shown.ShapeRounded, Corner: shown.CornerTopRight, Mirror: true}, 1920, 1080, msg.FPS(60), 900)
	growing.Place.Fullscreen = []msg.Moment{{From: 480, To: 600, Grow: 36, Shrink: 36}, {From: 700, To: 800}}
	fields := *face
	fields.Stream.Interlaced = true
	sheer, sheerGrowing := *face, growing
	sheer.Stream.Alpha, sheer.Stream.Decoder, sheerGrowing.Stream.Alpha = true, "libvpx-vp9", true
	mediatest.Golden(t, map[string][]string{
		"normalize":         segmentArgs(normalize, nil, 2),
		"normalize-bubble":  segmentArgs(withFace, face, 4),
		"normalize-mirror":  segmentArgs(withFace, &still, 4),
		"normalize-moments": segmentArgs(withFace, &growing, 4),
		"normalize-alpha":   segmentArgs(withFace, &sheer, 4),
		"moments-alpha":     segmentArgs(withFace, &sheerGrowing, 4),
		"normalize-fit":     segmentArgs(fit, nil, 2),
		"normalize-bound":   vbvArgs(segmentArgs(normalize, nil, 2), levelFor(1920, 1080, msg.FPS(60)).vbvFor(time.Second)),
		"crossfade":         segmentArgs(crossfade, face, 2),
		"encode-again":      againArgs(msg.ConcatParams{Rate: ntsc}, "foreign.mp4", "segment-0001", 2),
		"encode-own":        againArgs(msg.ConcatParams{Rate: ntsc}, "segment-0001", "own.mp4", 2, "-frames:v", "1"),
		"mezzanine-whole":   wholeArgs(picture.NextFile),
		"facecam-alone":     face.AloneArgs(withFace),
		"facecam-fields":    fields.AloneArgs(withFace),
	})
}

func TestEveryInputIsALocalFileOfAKnownContainer(t *testing.T) {
	place := *bubble.Or(nil, 320, 180, msg.FPS(1))
	place.Fullscreen = []msg.Moment{{From: 2, To: 20, Grow: 4, Shrink: 4}}
	args := segmentArgs(msg.NormalizeParams{Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 30, Facecam: true}, &picture.Bubble{Place: place}, 1)
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
