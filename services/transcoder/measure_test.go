package transcoder

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
)

// forms are the forms of files that checkIndex has compared.
var forms sync.Map

// newForm reports whether it is called for the first time for files that differ in no more than the
// size of their pictures and their number of packets. Each rate is a form of its own: time stamps
// depend on it.
func newForm(tracks []mp4.Track) bool {
	form := ""
	for _, track := range tracks {
		s := track.Stream
		s.Duration, s.Parameters, s.Width, s.Height, s.Pixels = 0, "", 0, 0, 0
		form += fmt.Sprintf("%+v %d %d;", s, track.Lead, min(2, track.Timing.Packets))
	}
	_, known := forms.LoadOrStore(form, true)
	return !known
}

// checkIndex makes sure that ffprobe, which decodes some of a video for it, finds the same in it as
// package mp4. It does so once for each form of file.
func checkIndex(t *testing.T, data []byte) {
	t.Helper()
	dir, name := t.TempDir(), "video.mp4"
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	tracks, err := mp4.Read(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !newForm(tracks) {
		return
	}
	file, err := mediatest.Tools.Inspect(t.Context(), dir, name, ffmpeg.OwnContainers)
	if err != nil {
		t.Fatal(err)
	}
	if len(tracks) != len(file.Streams) {
		t.Fatalf("%d tracks, want %d", len(tracks), len(file.Streams))
	}
	for i, want := range file.Streams {
		got := tracks[i]
		if (got.Duration - want.Duration).Abs() > 1000 { // ffprobe prints microseconds
			t.Errorf("stream %d lasts %s, want %s", i, got.Duration, want.Duration)
		}
		got.Duration, want.Start = want.Duration, got.Start
		if want.Type != "video" { // of others measure wants to know no more
			want = ffmpeg.Stream{
				Index: want.Index, Type: want.Type, Codec: want.Codec, TickSpan: want.TickSpan, TicksPerSecond: want.TicksPerSecond, Duration: want.Duration,
			}
		}
		if got.Stream != want {
			t.Errorf("stream %d is\n%+v, want\n%+v", i, got.Stream, want)
		}
		timing, err := mediatest.Tools.Timing(t.Context(), dir, name, ffmpeg.OwnContainers, i)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := got.Timing, timing; g.Packets != w.Packets || g.First != w.First || g.Gap != w.Gap || g.Uneven != w.Uneven {
			t.Errorf("packets of stream %d are %+v, want %+v", i, g, w)
		}
	}
}
