package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Quality compares two finished videos of the same size with the pictures that were recorded.
type Quality struct {
	Ours Likeness `json:"ours"`
	// Twice is encoded twice: the scene alone, and once more with the facecam over it. CRF is the
	// rate factor with which the second file has the size of ours.
	Twice Likeness `json:"twice"`
	CRF   float64  `json:"crf"`
}

// Likeness is how close a video is to what it was made of. The same pictures have an SSIM of 1 and
// an infinite PSNR.
type Likeness struct {
	Bytes int64 `json:"bytes"`
	// SSIM and PSNR (in dB) are FFmpeg's, of brightness and colours together, over all frames.
	SSIM float64 `json:"ssim"`
	PSNR float64 `json:"psnr_db"`
}

func (t *transcoding) quality(ctx context.Context) (q Quality, err error) {
	ours := t.path(msg.Video)
	info, err := os.Stat(ours)
	if err != nil {
		return q, err
	}
	if q.CRF, err = t.encodeTwice(ctx, info.Size()); err != nil {
		return q, err
	}
	for _, one := range []struct {
		path string
		to   *Likeness
	}{{ours, &q.Ours}, {t.path(fileSecond), &q.Twice}} {
		err := t.step(ctx, func(ctx context.Context) (err error) {
			*one.to, err = t.likeness(ctx, one.path)
			return err
		})
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

// twice returns the encoder's options of both encodes.
func twice(crf float64) []string {
	return []string{"-c:v", "libx264", "-preset", "veryfast", "-crf", strconv.FormatFloat(crf, 'f', 2, 64)}
}

// encodeTwice encodes the scene twice, so that the video has about this many bytes. It returns the
// second encode's rate factor.
func (t *transcoding) encodeTwice(ctx context.Context, bytes int64) (float64, error) {
	err := t.step(ctx, func(ctx context.Context) error {
		args := slices.Concat([]string{"-loglevel", "error"}, fromPieces,
			[]string{"-filter_complex", t.scene() + "[scene]", "-map", "[scene]"}, twice(20), colours, []string{fileFirst})
		_, _, err := t.tools.run(ctx, t.job.Dir, args...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return findCRF(bytes, func(crf float64) (size int64, err error) {
		args, err := t.finished([]string{"-i", fileFirst}, "[0:v]null", twice(crf), fileSecond)
		if err != nil {
			return 0, err
		}
		err = t.step(ctx, func(ctx context.Context) error {
			_, _, err := t.tools.run(ctx, t.job.Dir, args...)
			return err
		})
		if err != nil {
			return 0, err
		}
		info, err := os.Stat(t.path(fileSecond))
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	})
}

const (
	// sameSize is by which part the sizes of two files that are compared may differ.
	sameSize = 0.02
	// crfTries bounds the search for the rate factor. A rate factor that is larger by crfHalf
	// halves a file, about.
	crfTries, crfHalf = 8, 6.0
)

// findCRF returns a rate factor with which encode makes a file of about want bytes. Its last call
// of encode is with that.
func findCRF(want int64, encode func(crf float64) (int64, error)) (float64, error) {
	crf, perHalf := 20.0, crfHalf
	// the previous try, and how many times its file had to be halved
	var before, beforeSize float64
	for n := range crfTries {
		size, err := encode(crf)
		if err != nil {
			return 0, err
		}
		if math.Abs(float64(size)/float64(want)-1) <= sameSize {
			return crf, nil
		}
		halves := math.Log2(float64(size) / float64(want))
		if slope := (crf - before) / (beforeSize - halves); n > 0 && slope > 0 {
			perHalf = slope
		}
		before, beforeSize = crf, halves
		crf = math.Round(100*min(max(crf+halves*perHalf, 1), 51)) / 100
	}
	return 0, fmt.Errorf("no rate factor was found that gives %d bytes", want)
}

var (
	ssimAll  = regexp.MustCompile(`SSIM .*All:([0-9.]+)`)
	psnrMean = regexp.MustCompile(`PSNR .*average:([0-9.]+|inf)`)
)

// likeness compares a finished video with the recorded scene with the facecam's bubble over it.
// That is not encoded for the comparison.
func (t *transcoding) likeness(ctx context.Context, path string) (Likeness, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Likeness{}, err
	}
	recorded, err := t.compose(t.scene())
	if err != nil {
		return Likeness{}, err
	}
	const numbered = "settb=1/1000,setpts=N,format=yuv420p,split"
	args := slices.Concat([]string{"-loglevel", "info"}, t.inputs(fromPieces...), []string{
		"-i", path, "-filter_complex",
		recorded + "," + numbered + "[a][b];[4:v]" + numbered + "[c][d];[c][a]ssim[e];[d][b]psnr[f]",
		"-map", "[e]", "-map", "[f]", "-f", "null", "-",
	})
	_, said, err := t.tools.run(ctx, t.job.Dir, args...)
	if err != nil {
		return Likeness{}, err
	}
	l, err := parseLikeness(said)
	l.Bytes = info.Size()
	return l, err
}

func parseLikeness(said string) (l Likeness, err error) {
	ssim, psnr := ssimAll.FindStringSubmatch(said), psnrMean.FindStringSubmatch(said)
	if ssim == nil || psnr == nil {
		return l, errors.New("ffmpeg did not say how like the pictures are")
	}
	if l.SSIM, err = strconv.ParseFloat(ssim[1], 64); err == nil {
		l.PSNR, err = strconv.ParseFloat(psnr[1], 64)
	}
	return l, err
}
