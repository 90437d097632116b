package transcoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
)

// joined makes a joined video of count frames.
func (b *bench) joined(t *testing.T, rate msg.Rate, count int) msg.Input {
	t.Helper()
	v := once(t, fmt.Sprint("joined ", rate, count), func() (data []byte, facts any) {
		facts = b.must(t, msg.Concat, msg.ConcatParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: []int{count}},
			b.segmentsOf(t, rate, []int{count}), msg.Joined)
		return b.store.get(t, "concat/joined"), facts
	})
	return b.input(t, "joined", v.data, v.facts)
}

// hear decodes a video's sound to mono, 48 kHz.
func hear(t *testing.T, data []byte) []float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	raw := mediatest.Run(t, nil, mediatest.Tools.FFmpeg, "-v", "error", "-i", file, "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	sound := make([]float64, len(raw)/2)
	for i := range sound {
		sound[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return sound
}

// onset returns when sound starts, in seconds.
func onset(sound []float64) float64 {
	for i, v := range sound {
		if math.Abs(v) > 0.05 {
			return float64(i) / mediatest.SampleRate
		}
	}
	return -1
}

// loudest returns the highest peak of a stretch, whose times are in seconds.
func loudest(sound []float64, from, to float64) (peak float64) {
	for _, v := range sound[int(from*mediatest.SampleRate):min(len(sound), int(to*mediatest.SampleRate))] {
		peak = max(peak, math.Abs(v))
	}
	return peak
}

func TestTheSoundIsInStepAndAsLongAsThePicture(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, test := range []struct {
		rate    msg.Rate
		name    string
		seconds int
	}{
		{msg.FPS(24), "longer", 5}, {msg.Rate{Num: 30000, Den: 1001}, "shorter", 2},
	} {
		const count = 75
		rate := test.rate
		t.Run(rate.String()+", facecam "+test.name, func(t *testing.T) {
			joined := b.joined(t, rate, count)
			length := time.Duration(test.seconds) * time.Second
			face, facts := b.probed(t, mediatest.Facecam(t, rate, rate.Frames(length), 160, 120, mediatest.PCM(length, mediatest.Beep(0.7)), "-c:a", "aac"))
			if facts.AudioStream != 1 || facts.AudioCodec != "aac" || facts.Loudness == nil {
				t.Fatalf("facts %+v", facts)
			}
			got := b.must(t, msg.Overlay,
				msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
				map[string]msg.Input{msg.Joined: joined, msg.FacecamFile: face}, outputsOfVideo...).(msg.VideoFacts)
			if got.Frames != count || !got.Sound {
				t.Errorf("facts %+v", got)
			}
			video := b.store.get(t, "overlay/video")
			checkTiming(t, video, rate, count)
			checkMoovFirst(t, video)
			checkThumbnail(t, b.store.get(t, "overlay/thumbnail"))
			heard := hear(t, video)
			// The last AAC frame is decoded whole. Its end is in the header, which verify.Measure
			// has checked.
			if want := int(sound.Samples(rate, count)); len(heard) < want || len(heard) >= want+1024 {
				t.Errorf("%d samples, want %d", len(heard), want)
			}
			if after := loudest(heard, 1.25, rate.At(count).Seconds()); after > 0.01 {
				t.Errorf("sound of %.3f after the beep", after)
			}
			if at := onset(heard); math.Abs(at-0.7) > 1/rate.Float() {
				t.Errorf("the beep is at %.4f s, want 0.7", at)
			}
			if !slices.EqualFunc(packets(t, b.store.get(t, joined.Key)), packets(t, video), bytes.Equal) {
				t.Error("the picture was changed")
			}
		})
	}
}

// packets returns the encoded frames of an MP4's picture.
func packets(t *testing.T, data []byte) (list [][]byte) {
	t.Helper()
	movie, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	track := movie.Moov.Trak
	for n := range track.GetNrSamples() {
		ranges, err := track.GetRangesForSampleInterval(n+1, n+1)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, data[ranges[0].Offset:ranges[0].Offset+ranges[0].Size])
	}
	return list
}

// A recorder that drops samples leaves gaps; what comes after them must not come early.
func TestAGapInTheSoundKeepsTheRestInStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	face, _ := b.probed(t, mediatest.Facecam(t, msg.FPS(24), 48, 160, 120, mediatest.PCM(2*time.Second, mediatest.Beep(0.7)), ".mkv",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-af", `asetpts=PTS+gte(T\,0.3)*0.08/TB`))
	b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 48},
		map[string]msg.Input{msg.Joined: b.joined(t, msg.FPS(24), 48), msg.FacecamFile: face}, outputsOfVideo...)
	if at := onset(hear(t, b.store.get(t, "overlay/video"))); math.Abs(at-0.78) > 0.02 {
		t.Errorf("the beep is at %.4f s, want 0.78", at)
	}
}

func TestASilentFacecamHasASilentTrack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	face, facts := b.probed(t, mediatest.Facecam(t, msg.FPS(24), 48, 160, 120, mediatest.PCM(2*time.Second, mediatest.Beep(9)), "-c:a", "aac"))
	if facts.AudioStream < 0 || facts.Loudness != nil {
		t.Errorf("facts %+v", facts)
	}
	got := b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 48},
		map[string]msg.Input{msg.Joined: b.joined(t, msg.FPS(24), 48), msg.FacecamFile: face}, outputsOfVideo...).(msg.VideoFacts)
	if !got.Sound {
		t.Error("no sound track")
	}
	if at := onset(hear(t, b.store.get(t, "overlay/video"))); at >= 0 {
		t.Errorf("sound at %.2f s", at)
	}
}
