package preview

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/thumbnail"
)

const (
	// most is how much one frame's change counts at most, in levels of 255: a cut is no movement.
	most = 8
	// looked is how many stretches are looked at whose first frame shows nothing.
	looked = 4
)

// begin returns the first frame of the stretch of length frames that is previewed: at the time that
// was asked for, in seconds, or where most moves, of those that begin with a frame that shows
// something of the page. The quality gate has left the fingerprints of all frames.
func begin(ctx context.Context, tools ffmpeg.Tools, dir string, v thumbnail.Video, at *float64, length int) (int, error) {
	last := v.Frames - length
	if at != nil {
		return max(0, min(int(math.Round(*at*v.Rate.Float())), last)), nil
	}
	prints, err := os.ReadFile(filepath.Join(dir, fingerprint.File))
	if err != nil {
		return 0, err
	}
	if len(prints) != v.Frames*fingerprint.Size {
		return 0, fmt.Errorf("%d bytes of fingerprints, want those of %d frames", len(prints), v.Frames)
	}
	starts := moving(prints, length, max(1, int(v.Rate.Float()/2)))
	best, score := starts[0], -1.0
	for _, start := range starts[:min(looked, len(starts))] {
		worth, err := thumbnail.Worth(ctx, tools, dir, v, start)
		if err != nil {
			return 0, err
		}
		if worth > score {
			best, score = start, worth
		}
		if score >= 1 {
			break
		}
	}
	return best, nil
}

// moving returns where stretches of length frames may begin, every few frames: those in which most
// moves first, and of equal ones the earlier.
func moving(prints []byte, length, every int) []int {
	frames := len(prints) / fingerprint.Size
	until := make([]float64, frames+1) // the movement before frame n
	for n := range frames {
		until[n+1] = until[n]
		if n > 0 {
			until[n+1] += min(most, change(prints[(n-1)*fingerprint.Size:n*fingerprint.Size], prints[n*fingerprint.Size:(n+1)*fingerprint.Size]))
		}
	}
	var starts []int
	for n := 0; n <= frames-length; n += every {
		starts = append(starts, n)
	}
	// The first frame's own change is that from the one before it, which is not shown.
	within := func(n int) float64 { return until[n+length] - until[n+1] }
	slices.SortStableFunc(starts, func(a, b int) int { return cmp.Compare(within(b), within(a)) })
	return starts
}

// change is the mean difference of two fingerprints' cells.
func change(a, b []byte) float64 {
	sum := 0
	for i := range a {
		sum += int(max(a[i], b[i]) - min(a[i], b[i]))
	}
	return float64(sum) / float64(len(a))
}
