package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fingerprint"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/thumbnail"
)

const (
	// samePrint is by how many levels of 255 a part of the finished picture may differ in
	// brightness from what was encoded. It was 2 in the demo; another scene's picture, or black,
	// differs by tens.
	samePrint = 4
	// blackPrint is up to how bright a part of a black picture is.
	blackPrint = 4
	// shortestBlack and shortestStill are the lengths from which the report mentions a stretch.
	shortestBlack = 500 * time.Millisecond
	shortestStill = 2 * time.Second
	// loudnessMargin is by how much the sound may miss its target in LU, and peaks in dB: AAC
	// changes both a little.
	loudnessMargin = 1.5
)

// Finished is a video to which nothing more is done.
type Finished struct {
	// Name is the file's in the task's folder.
	Name string
	Want Expected
	// Facts are what Measure found.
	Facts msg.VideoFacts
	// Source is what is known of the frames that were encoded.
	Source fingerprint.Set
	// ThumbnailAt is the time in seconds that the campaign asks for; nil for none.
	ThumbnailAt *float64
	// Over is where the facecam is; nil when there is none.
	Over *msg.Bubble
}

// Thumbnail returns the video as package thumbnail takes it.
func (v Finished) Thumbnail() thumbnail.Video {
	return thumbnail.Video{
		Name: v.Name, Width: v.Want.Width, Height: v.Want.Height, Rate: v.Want.Rate, Frames: v.Want.Frames, At: v.ThumbnailAt, Over: v.Over,
	}
}

// Gate is the quality gate: it reads all of a finished video and returns the report, or an error
// when the video is not what it must be and so must not be published. In the same pass it writes
// the first candidate for the thumbnail.
func Gate(ctx context.Context, tools ffmpeg.Tools, dir string, v Finished, progress func(ffmpeg.Progress)) (*msg.Report, error) {
	r, err := report(dir, v)
	if err == nil {
		err = readMedia(ctx, tools, dir, v, progress, r)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	return r, nil
}

// report reads the index of a finished video and begins its report.
func report(dir string, v Finished) (*msg.Report, error) {
	path := filepath.Join(dir, v.Name)
	video, audio, err := readTracks(path, v.Want.Captions)
	if err != nil {
		return nil, err
	}
	length, err := mp4.Length(path)
	if err != nil {
		return nil, err
	}
	r := &msg.Report{
		Frames: v.Facts.Frames, DurationSeconds: video.Duration.Round(time.Millisecond).Seconds(), Bytes: v.Facts.Bytes,
		Width: video.Width, Height: video.Height, Rate: v.Want.Rate, Codec: video.Codec, PixelFormat: video.PixelFormat,
		ColorSpace: video.Space, ColorPrimaries: video.Primaries, ColorTransfer: video.Transfer, ColorRange: video.Range,
	}
	for _, d := range []time.Duration{video.Duration, length} {
		if (d - v.Want.length()).Abs() > time.Millisecond {
			return nil, fmt.Errorf("it says that it lasts %s, want %s", d, v.Want.length())
		}
	}
	if r.FastStart, err = mp4.FastStart(path); err != nil {
		return nil, err
	}
	if !r.FastStart {
		return nil, errors.New("its index is not before its pictures")
	}
	if audio != nil {
		r.Sound = &msg.SoundReport{Codec: audio.Codec, DurationSeconds: audio.Duration.Seconds()}
	}
	return r, nil
}

// readMedia decodes the picture and the sound, and completes the report.
func readMedia(ctx context.Context, tools ffmpeg.Tools, dir string, v Finished, progress func(ffmpeg.Progress), r *msg.Report) error {
	var spent atomic.Int64
	tools = tools.Counting(&spent)
	if err := watch(ctx, tools, dir, v, progress, r); err != nil {
		return err
	}
	if r.Sound != nil {
		if err := listen(ctx, tools, dir, v.Name, v.Want, r.Sound); err != nil {
			return err
		}
	}
	r.CPUSeconds = time.Duration(spent.Load()).Round(time.Millisecond).Seconds()
	return nil
}

// watch decodes the picture from its first frame to its last, and writes the first candidate for
// the thumbnail.
func watch(ctx context.Context, tools ffmpeg.Tools, dir string, v Finished, progress func(ffmpeg.Progress), r *msg.Report) error {
	if err := tools.Run(ctx, dir, watchArgs(v), progress); err != nil {
		return fmt.Errorf("it cannot be decoded: %w", err)
	}
	prints, err := os.ReadFile(filepath.Join(dir, fingerprint.File))
	if err != nil {
		return fmt.Errorf("read fingerprints: %w", err)
	}
	if len(prints) != v.Want.Frames*fingerprint.Size {
		return fmt.Errorf("%d frames can be decoded, want %d", len(prints)/fingerprint.Size, v.Want.Frames)
	}
	if err := compare(prints, v.Source, v.Want.Frames, r); err != nil {
		return err
	}
	frame := func(n int) []byte { return prints[n*fingerprint.Size : (n+1)*fingerprint.Size] }
	r.Black = stretches(v.Want, shortestBlack, func(n int) bool { return brightest(frame(n)) <= blackPrint })
	r.Still = stretches(v.Want, shortestStill, func(n int) bool { return n > 0 && bytes.Equal(frame(n), frame(n-1)) })
	return nil
}

// watchArgs is the command line that decodes the picture, fails at the first error, and writes
// fingerprints of all frames and one thumbnail.
func watchArgs(v Finished) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(v.Name, ffmpeg.OwnContainers, "-xerror", "-err_detect", "explode")...)
	args = append(args, "-filter_complex",
		"[0:v:0]split[all][some];[all]"+fingerprint.Filter+"[fingerprints];"+thumbnail.FirstFilter(v.Thumbnail(), "[some]"))
	// The fingerprints come first: FFmpeg reports the progress of the first output.
	return append(append(args, fingerprint.Output()...), thumbnail.Outputs()...)
}

// compare makes sure that the fingerprints of a video's frames are those that were encoded.
func compare(prints []byte, source fingerprint.Set, frames int, r *msg.Report) error {
	frame := func(n int) []byte { return prints[n*fingerprint.Size : (n+1)*fingerprint.Size] }
	for _, l := range source.Frames {
		if l.Frame < 0 || l.Frame >= frames || len(l.Cells) != fingerprint.Size {
			return fmt.Errorf("there is no frame %d to compare with", l.Frame)
		}
		d := fingerprint.Difference(l.Cells, frame(l.Frame))
		if r.Compared++; float64(d) > r.Difference {
			r.Difference = float64(d)
		}
		if d > samePrint {
			return fmt.Errorf("frame %d is not what was encoded: parts of it differ by %d levels of 255", l.Frame, d)
		}
	}
	for _, c := range source.Changes {
		if last := c.Frame + c.Step*len(c.Levels); c.Frame < 0 || c.Step < 1 || last >= frames {
			return fmt.Errorf("there is no frame %d to compare with", last)
		}
		for i, was := range c.Levels {
			n := c.Frame + c.Step*i
			is := fingerprint.Difference(frame(n), frame(n+c.Step))
			if max(is, was)-min(is, was) > 2*samePrint {
				return fmt.Errorf("frames %d to %d are not what was encoded: parts of them change by %d levels of 255, want %d", n, n+c.Step, is, was)
			}
		}
	}
	return nil
}

func brightest(cells []byte) (most byte) {
	for _, c := range cells {
		most = max(most, c)
	}
	return most
}

// stretches returns the runs of frames for which holds is true, as long as shortest and longer.
func stretches(v Expected, shortest time.Duration, holds func(n int) bool) []msg.Stretch {
	list := []msg.Stretch{} // not null in JSON
	begin := -1
	for n := 0; n <= v.Frames; n++ {
		switch in := n < v.Frames && holds(n); {
		case in && begin < 0:
			begin = n
		case !in && begin >= 0:
			if from, to := v.Rate.At(begin), v.Rate.At(n); to-from >= shortest {
				list = append(list, msg.Stretch{
					FromSeconds: from.Round(time.Millisecond).Seconds(), ToSeconds: to.Round(time.Millisecond).Seconds(),
				})
			}
			begin = -1
		}
	}
	return list
}

// listen decodes and measures the sound.
func listen(ctx context.Context, tools ffmpeg.Tools, dir, name string, want Expected, r *msg.SoundReport) error {
	l, err := sound.MeasureFinished(ctx, tools, dir, name)
	if err != nil {
		return err
	}
	if l.Silent && want.Loudness != nil {
		return errors.New("its sound is silence, and the facecam's is not")
	}
	if l.Silent {
		return nil
	}
	r.Integrated, r.TruePeak = &l.Integrated, &l.TruePeak
	if want.Loudness == nil {
		return nil
	}
	how, target := "", *want.Loudness
	switch {
	case l.TruePeak > target.Peak+loudnessMargin, l.Integrated > target.Integrated+loudnessMargin:
		how = "loud"
	case want.Evenly && l.Integrated < target.Integrated-loudnessMargin:
		how = "soft"
	default:
		return nil
	}
	return fmt.Errorf("its sound is too %s: %.1f LUFS with peaks of %.1f dBTP, want %.1f and %.1f",
		how, l.Integrated, l.TruePeak, target.Integrated, target.Peak)
}
