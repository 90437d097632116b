package measure

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestTranscodingIsMeasured(t *testing.T) {
	site := smallSite(t)
	job := smallJob(site, Ours, "moving")
	job.FPS, job.Frames = 20, 60 // two pieces
	var told []string
	made, err := Transcode(t.Context(), site, job, 1, patience, environ(), func(what string) { told = append(told, what) })
	if err != nil {
		t.Fatal(err)
	}
	if made.Frames != 60 || made.Pieces != 2 || len(made.Turns) != 1 || len(told) == 0 {
		t.Fatalf("made %+v, told %q", made, told)
	}
	turn := made.Turns[0]
	c := turn.Ours
	if c.Probe <= 0 || c.Normalize <= 0 || c.Concat <= 0 || c.Overlay <= 0 || c.Gate <= 0 || turn.OnePass <= 0 {
		t.Errorf("something took no CPU time: %+v", turn)
	}
	cores, err := process.Cores()
	if err != nil {
		t.Fatal(err)
	}
	if len(turn.Replicas) != min(2, len(cores)) {
		t.Errorf("replicas are %+v on cores %v", turn.Replicas, cores)
	}
	for n, r := range turn.Replicas {
		if r.Took <= 0 || r.Busy <= 0 || r.Busy > 1 {
			t.Errorf("%d replicas came to %+v", n+1, r)
		}
	}
	q := made.Quality
	if apart := math.Abs(float64(q.Twice.Bytes)/float64(q.Ours.Bytes) - 1); apart > sameSize {
		t.Errorf("files of %d and %d bytes were compared", q.Ours.Bytes, q.Twice.Bytes)
	}
	// One that shows other frames, or the bubble elsewhere, has some 20 dB.
	for _, l := range []Likeness{q.Ours, q.Twice} {
		if l.PSNR < 30 || l.SSIM < 0.9 || l.SSIM > 1 {
			t.Errorf("pictures are %+v like what was recorded", l)
		}
	}
	if left, err := filepath.Glob(filepath.Join(site.dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestATranscoderThatFailsSaysWhy(t *testing.T) {
	job := Job{Tool: stages, Width: 320, Height: 180, FPS: 30, Frames: 12, Scenes: 1, Dir: t.TempDir()}
	if _, err := Start(t.Context(), job, patience); err == nil || !strings.Contains(err.Error(), "store "+msg.PieceName(0)) {
		t.Errorf("a piece that is not there: error %v", err)
	}
}

func TestEncodersThatDifferAreTold(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a", "..x264 - core 164 options: crf=20.0\x00..")
	same, other := write("same", "x264 - core 164 options: crf=20.0\x00"), write("other", "x264 - core 164 options: crf=21.0\x00")
	if err := sameEncoder(a, same); err != nil {
		t.Error(err)
	}
	if err := sameEncoder(a, other); err == nil || !strings.Contains(err.Error(), "crf=21.0") {
		t.Errorf("another rate factor: error %v", err)
	}
	if err := sameEncoder(a, write("none", "x264 - core")); err == nil || !strings.Contains(err.Error(), "none does not say") {
		t.Errorf("no settings: error %v", err)
	}
}

func TestARateFactorIsFoundForASize(t *testing.T) {
	for _, half := range []float64{2.5, 6, 11} { // by how much the rate factor halves the picture
		var tried []float64
		size := func(crf float64) int64 { return 20_000 + int64(3e6*math.Exp2((18-crf)/half)) }
		for _, want := range []float64{10, 20, 26.5} {
			tried = nil
			crf, err := findCRF(size(want), func(crf float64) (int64, error) {
				tried = append(tried, crf)
				return size(crf), nil
			})
			if apart := math.Abs(float64(size(crf))/float64(size(want)) - 1); err != nil || apart > sameSize || !slices.Contains(tried, crf) {
				t.Errorf("found %v, %v in %v, want about %v", crf, err, tried, want)
			}
		}
	}
	if _, err := findCRF(1000, func(float64) (int64, error) { return 5000, nil }); err == nil {
		t.Error("a size that no rate factor gives was found")
	}
	if _, err := findCRF(1000, func(float64) (int64, error) { return 0, context.Canceled }); err == nil {
		t.Error("an encoder failed, and a rate factor was found")
	}
}

func TestWhatFFmpegSaysOfLikenessIsRead(t *testing.T) {
	l, err := parseLikeness("[Parsed_ssim_1 @ 0x5] SSIM Y:0.97 (15.5) U:0.98 (17.1) V:0.99 (20.0) All:0.977012 (16.4)\n" +
		"[Parsed_psnr_2 @ 0x5] PSNR y:38.5 u:42.1 v:43.0 average:39.716 min:36.0 max:inf\n")
	if err != nil || l.SSIM != 0.977012 || l.PSNR != 39.716 {
		t.Errorf("read %+v, %v", l, err)
	}
	for _, said := range []string{"", "SSIM All:0.9", "PSNR average:40"} {
		if _, err := parseLikeness(said); err == nil {
			t.Errorf("%q says it all", said)
		}
	}
}
