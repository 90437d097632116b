package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/bench/machine"
	"github.com/loom-lite/loom-lite/bench/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 100}, 3.5},
	} {
		before := append([]float64(nil), test.values...)
		if got := median(test.values); got != test.want {
			t.Errorf("the median of %v is %v, want %v", test.values, got, test.want)
		}
		for i := range before {
			if before[i] != test.values[i] {
				t.Errorf("%v became %v", before, test.values)
			}
		}
	}
}

func TestNumbersHaveThreeFiguresOrSo(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 27.14: "27.1", 300: "300", 858.7: "859", 0.04: "0.0", 120.5: "120"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

// measured is a measurement in which scenes of 101 frames took so many seconds each.
func measured(page string, tool measure.Tool, scenes, repeat int, seconds float64, distinct int) Run {
	result := &measure.Result{
		CPU: time.Duration(1.5 * seconds * float64(time.Second)), GoCPU: time.Duration(0.06 * seconds * float64(time.Second)),
		Memory: int64(scenes) * 200 << 20,
	}
	took := time.Duration(seconds * float64(time.Second))
	for range scenes {
		result.Scenes = append(result.Scenes, measure.Scene{
			Frames: 101, Distinct: distinct, Bytes: int64(distinct) * 300_000,
			First: time.Second, Finished: time.Second + took, Done: time.Second + took + 100*time.Millisecond,
		})
	}
	return Run{Page: page, Tool: tool, Scenes: scenes, Repeat: repeat, Result: result}
}

func sample() Report {
	settings := Settings{
		Parts: Parts, Pages: []string{"scroll", "static"}, Tools: measure.Tools, Scenes: []int{1, 2}, Width: 1920, Height: 1080, FPS: 60,
		Frames: 101, Repeat: 3, Encoder: "x264",
	}
	runs := []Run{
		measured("scroll", measure.Ours, 1, 1, 4, 101), measured("scroll", measure.Bare, 1, 1, 3.9, 101), measured("scroll", measure.Peer, 1, 1, 8, 101),
		measured("scroll", measure.Ours, 1, 2, 5, 101), measured("scroll", measure.Bare, 1, 2, 4.5, 101), measured("scroll", measure.Peer, 1, 2, 10, 101),
		measured("scroll", measure.Ours, 1, 3, 40, 101), measured("scroll", measure.Bare, 1, 3, 4.5, 101),
		{Page: "scroll", Tool: measure.Peer, Scenes: 1, Repeat: 3, Error: "scene 1: not done\nin 3m0s"},
		measured("scroll", measure.Ours, 2, 1, 5, 101), measured("scroll", measure.OursMP4, 2, 1, 8, 101), measured("scroll", measure.Peer, 2, 1, 16, 101),
		measured("static", measure.Ours, 1, 1, 0.125, 1), measured("static", measure.Peer, 1, 1, 6.25, 101),
	}
	r := New(settings, runs)
	r.Began, r.Took = time.Date(2026, 11, 24, 12, 30, 0, 0, time.UTC), 754*time.Second
	r.Transcoding = NewTranscoding("scroll", 60, transcoded())
	r.LoadBefore, r.LoadAfter = "0.10 0.20 0.30", "2.00 1.50 0.90"
	r.Machine = machine.Machine{
		CPU: "AMD EPYC", Cores: 2, Memory: "7.8 GiB", Kernel: "6.1.0", HugePages: "madvise", HugePagesShared: "never", Go: "go1.26.0",
		Chrome: "HeadlessChrome/156.0.0.0", Sandbox: true, FFmpeg: "5.1.9", Node: "v20.20.2", Peer: "1.58.0",
	}
	return r
}

// transcoded is what three turns of a scene of 100 frames came to, the last of which was disturbed.
func transcoded() measure.Transcoded {
	m := measure.Transcoded{Frames: 100, Pieces: 2, Quality: measure.Quality{
		Ours: measure.Likeness{Bytes: 1_000_000, SSIM: 0.992, PSNR: 45.25}, Twice: measure.Likeness{Bytes: 1_010_000, SSIM: 0.991, PSNR: 44}, CRF: 19.5,
	}}
	for _, times := range [][2]time.Duration{{2200, 2000}, {2000, 2000}, {9000, 6000}} {
		m.Turns = append(m.Turns, measure.TranscodeTurn{
			Ours: measure.TranscodeCPU{
				Probe: 90 * time.Millisecond, Normalize: (times[0] - 300) * time.Millisecond, Concat: 100 * time.Millisecond,
				Overlay: 200 * time.Millisecond, Gate: 250 * time.Millisecond,
			},
			OnePass:  times[1] * time.Millisecond,
			Replicas: []measure.Replicas{{Took: 3 * time.Second, Busy: 0.99}, {Took: times[0] * time.Millisecond * 3 / 4, Busy: 0.9}},
		})
	}
	return m
}

func TestTranscodingIsComparedTurnByTurn(t *testing.T) {
	r := NewTranscoding("scroll", 60, transcoded())
	if *r.CPU != 1.1 || *r.CPULow != 1 || *r.CPUHigh != 1.5 {
		t.Errorf("CPU time is %v of one pass's, from %v to %v, want 1.1, 1 and 1.5", *r.CPU, *r.CPULow, *r.CPUHigh)
	}
	if math.Abs(*r.Two-0.55) > 1e-9 || *r.Busy != 0.9 {
		t.Errorf("two take %v of the time of one, busy for %v of it, want 0.55 and 0.9", *r.Two, *r.Busy)
	}
	alone := transcoded()
	for i := range alone.Turns {
		alone.Turns[i].Replicas = alone.Turns[i].Replicas[:1]
	}
	if r := NewTranscoding("scroll", 60, alone); r.Two != nil || r.CPU == nil {
		t.Error("on one core, two transcoders were compared with one, or CPU time was not")
	}
}

func TestWhatWasNotMeasuredIsNotReported(t *testing.T) {
	r := sample()
	r.Settings.Parts = []Part{Transcode}
	r.Transcoding = &Transcoding{Error: "not done in 3m0s"}
	var out bytes.Buffer
	if err := r.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "## Ratios") || strings.Contains(text, "## Transcoding") || !strings.Contains(text, "transcoding: not done in 3m0s") {
		t.Errorf("the report is\n%s", text)
	}
}

func TestMediansAndRatiosAreOfTheSamePageAndNumber(t *testing.T) {
	r := sample()
	near := func(name string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if len(r.Ratios) != 3 {
		t.Fatalf("%d ratios, want 3", len(r.Ratios))
	}
	alone, together, still := r.Ratios[0], r.Ratios[1], r.Ratios[2]
	// 100 frames: the median of 4, 5 and 40 s against that of 8 and 10 s, which is of 12.5 and 10
	// frames a second.
	near("mezzanine to peer", alone.Mezzanine, 20/11.25)
	near("mezzanine to bare", alone.Bare, 4.5/5)
	near("real time", alone.RealTime, 20.0/60)
	near("mp4 to peer", together.MP4, 2)
	near("real time, each of two", together.RealTime, 20.0/60)
	near("mezzanine to peer, still", still.Mezzanine, 50)
	near("real time, still", still.RealTime, 800.0/60)
	if alone.MP4 != nil || together.Bare != nil {
		t.Error("there is a ratio of what was not measured")
	}
	first := r.Rows[0]
	if first.CaptureLow != 2.5 || first.CaptureHigh != 25 || first.Runs != 3 || first.Distinct != 101 || first.BytesPerFrame != 300_000 {
		t.Errorf("the first row is %+v", first)
	}
	near("the Go side's share", first.GoShare, 0.04)
	for _, row := range r.Rows {
		if (row.GoShare == nil) != (row.Tool == measure.Peer) {
			t.Errorf("%s has a Go side, or ours has none", row.Tool)
		}
	}
}

func TestMarkdown(t *testing.T) {
	var got bytes.Buffer
	if err := sample().Markdown(&got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "report.golden.md")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the report is\n%s\nwant\n%s", got.Bytes(), want)
	}
}

func TestJSONHoldsEveryMeasurement(t *testing.T) {
	var out bytes.Buffer
	want := sample()
	if err := want.JSON(&out); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Runs) != len(want.Runs) || len(got.Rows) != len(want.Rows) || got.Machine != want.Machine {
		t.Errorf("what was read back is %+v", got)
	}
	if failed := got.Failed(); len(failed) != 1 || !strings.Contains(failed[0], "turn 3") {
		t.Errorf("failed are %+v", failed)
	}
}
