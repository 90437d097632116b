package transcoder

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func all(int) bool { return true }

func afterTheFirst(n int) bool { return n > 0 }

// wantUsersFault checks that a task failed permanently because of the facecam.
func wantUsersFault(t *testing.T, err error, words string) {
	t.Helper()
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Code != msg.CodeFacecamNotVideo || !failure.Permanent || !strings.Contains(failure.Message, words) {
		t.Errorf("error %v, want one with code %s, for good, with …%s…", err, msg.CodeFacecamNotVideo, words)
	}
}

// probe decodes the first picture and the sound of the video's length. Damage after that shows when
// the facecam is used.
func TestAFacecamThatFailsAfterItWasProbedIsRefusedForGood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	whole := mediatest.Facecam(t, rate, 48, 160, 120, mediatest.PCM(2*time.Second, mediatest.Beep(0.5)), "-c:a", "aac")
	_, facts := b.probed(t, whole)
	spoilt, _ := b.probed(t, mediatest.Spoil(t, whole, "v:0", afterTheFirst))
	spoilt = b.input(t, "spoilt", b.store.get(t, spoilt.Key), json.RawMessage(spoilt.Facts))
	for name, keep := range map[string]func(n int) bool{"picture": func(n int) bool { return n == 0 }, "picture over a page that moves": nil} {
		t.Run(name, func(t *testing.T) {
			_, err := b.run(t, msg.Normalize,
				msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: 30, Facecam: true},
				map[string]msg.Input{
					msg.Mezzanine: b.input(t, "m", mediatest.Mezzanine(t, rate, 30, testWidth, testHeight, mediatest.Bars, keep), nil), msg.FacecamFile: spoilt,
				}, msg.Segment)
			wantUsersFault(t, err, "is damaged")
		})
	}
	t.Run("sound", func(t *testing.T) {
		face := b.input(t, "facecam", mediatest.Spoil(t, whole, "a:0", afterTheFirst), facts)
		_, err := b.run(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: 48},
			map[string]msg.Input{msg.Joined: b.joined(t, rate, 48), msg.FacecamFile: face}, outputsOfVideo...)
		wantUsersFault(t, err, "has sound that cannot be decoded")
	})
	t.Run("headers", func(t *testing.T) {
		face := b.input(t, "facecam", bytes.Repeat([]byte("noise"), 2000), facts)
		_, err := b.run(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: 48},
			map[string]msg.Input{msg.Joined: b.joined(t, rate, 48), msg.FacecamFile: face}, outputsOfVideo...)
		wantUsersFault(t, err, "is a text file")
	})
}

// FFmpeg would repeat the picture before without an error.
func TestARecordingWithAPictureThatCannotBeDecodedIsNoSegment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(24), 24
	face, _ := b.probed(t, mediatest.Facecam(t, rate, count, 160, 120, nil))
	whole := mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Bars, nil)
	broken := func(n int) []byte { return mediatest.Spoil(t, whole, "v:0", func(i int) bool { return i == n }) }
	for _, test := range []struct {
		name        string
		scene, next []byte
		facecam     bool
	}{
		{"one picture", broken(10), nil, false},
		{"the last picture", broken(count - 1), nil, false},
		{"one picture, under a facecam", broken(10), nil, true},
		{"all pictures, under a facecam", mediatest.Spoil(t, whole, "v:0", all), nil, true},
		{"one picture of the scene that comes", whole, broken(10), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := msg.NormalizeParams{
				Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Facecam: test.facecam, Crossfade: test.next != nil,
			}
			in := map[string]msg.Input{msg.Mezzanine: b.input(t, "m", test.scene, nil), msg.FacecamFile: face}
			if test.next != nil {
				in[msg.MezzanineNext] = b.input(t, "next", test.next, nil)
			}
			_, err := b.run(t, msg.Normalize, p, in, msg.Segment)
			if own := new(stage.Error); err == nil || errors.As(err, &own) {
				t.Errorf("error %v, want one of ours, to be tried again", err)
			}
		})
	}
}

func TestAPictureStandsForThoseAfterItThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	whole := mediatest.Facecam(t, msg.FPS(24), 48, 160, 120, nil, ".mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "1")
	face, _ := b.probed(t, mediatest.Spoil(t, whole, "v:0", func(n int) bool { return n >= 20 && n < 30 }))
	segment := b.bubbled(t, face, 48)
	p := usual(testWidth, testHeight)
	for n := range segment.Frames {
		want := n
		if n >= 20 && n < 30 {
			want = 19
		}
		if got := mediatest.ReadGrey(segment.Luma(n, p.X+p.Width/2, p.Y+p.Height/2, 6)); got != want%20 {
			t.Errorf("frame %d shows facecam grey %d, want %d", n, got, want%20)
		}
	}
}

// A live WebM has no length of its tracks, so its end cannot be missing.
func TestAWebMThatIsCutOffEndsThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate := msg.FPS(24)
	whole := webm(t, rate, 2)
	face, facts := b.probed(t, whole[:len(whole)/2])
	if facts.DurationMS < 500 || facts.DurationMS > 1500 {
		t.Fatalf("facts %+v", facts)
	}
	segment := b.bubbled(t, face, 48)
	p := usual(testWidth, testHeight)
	end := rate.Frames(time.Duration(facts.DurationMS) * time.Millisecond)
	for n := range segment.Frames {
		got, want := mediatest.ReadGrey(segment.Luma(n, p.X+p.Width/2, p.Y+p.Height/2, 6)), n%20
		if n > end {
			want = mediatest.ReadGrey(segment.Luma(n, testWidth/2, testHeight*3/4, 6)) // the page
		}
		if n != end && got != want {
			t.Errorf("frame %d shows grey %d, want %d: the facecam ends at %d", n, got, want, end)
		}
	}
}
