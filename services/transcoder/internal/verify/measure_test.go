package verify

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestSoundWhosePacketsAreNotWhatItsHeaderSaysIsRefused(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	const width, height, name = 320, 180, "video.mp4"
	rate, count := msg.FPS(24), 96
	want := Expected{Width: width, Height: height, Rate: rate, Frames: count, Sound: true}
	file := func(frames int, options ...string) []byte {
		options = append([]string{"-c:a", "aac", "-vf", "scale=out_color_matrix=bt709:out_range=tv,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
			"-video_track_timescale", ffmpeg.Timescale(rate)}, options...)
		return mediatest.Facecam(t, rate, count, width, height, mediatest.PCM(rate.At(frames), mediatest.Beep(0.5)), options...)
	}
	for what, test := range map[string]struct {
		data  []byte
		words string
	}{
		"as asked":              {file(count), ""},
		"more than it says":     {saying(t, file(2*count), rate.At(count).Seconds()), "packets of sound, want 189"},
		"less than it says":     {saying(t, file(count/2), rate.At(count).Seconds()), "packets of sound, want 189"},
		"of another rate":       {file(count, "-ar", "44100"), "sound of 1/44100 s a tick"},
		"a packet that is late": {file(count, "-bsf:a", "setts=ts='if(eq(N,90),TS+300,TS)'"), "packet 89 does not follow the one before"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Measure(dir, name, want)
		if (err == nil) != (test.words == "") || err != nil && !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v, want %q", what, err, test.words)
		}
	}
}

// saying returns an MP4 whose headers say that its sound lasts for the given seconds.
func saying(t *testing.T, data []byte, seconds float64) []byte {
	t.Helper()
	movie, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(movie.Moov.Traks, func(trak *mp4.TrakBox) bool { return trak.Mdia.Hdlr.HandlerType == "soun" })
	if at < 0 {
		t.Fatal("there is no sound")
	}
	trak := movie.Moov.Traks[at]
	trak.Mdia.Mdhd.Duration = uint64(seconds*float64(trak.Mdia.Mdhd.Timescale)) + 1024
	trak.Edts.Elst[0].Entries[0].SegmentDuration = uint64(seconds * float64(movie.Moov.Mvhd.Timescale))
	var out bytes.Buffer
	if err := movie.Encode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
