package transcoder

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
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
)

const (
	// sameLook is by how many levels of 255 a part of the finished picture may differ in brightness
	// from what was encoded. It was 2 in the demo; another scene's picture, or black, differs by
	// tens.
	sameLook = 4
	// blackLook is up to how bright a part of a black picture is.
	blackLook = 4
	// shortestBlack and shortestStill are what is worth a line in the report.
	shortestBlack = 500 * time.Millisecond
	shortestStill = 2 * time.Second
	// loudnessMargin is by how much the sound may miss its target in LU, and peaks in dB: AAC
	// changes both a little.
	loudnessMargin = 1.5
)

// finished is a video that nothing is done to any more.
type finished struct {
	name string
	want expected
	// facts are what measure found, was is what is known of its frames.
	facts msg.VideoFacts
	was   seen
	// thumbnails are the frames that may become the thumbnail, the best first.
	thumbnails []int
}

// gate reads all of a finished video and returns what it is, or an error when it is not what it
// must be: then nobody gets to see it. On the way it takes the first of the thumbnails.
func (h handler) gate(ctx context.Context, dir string, v finished, progress func(ffmpeg.Progress)) (*msg.Report, error) {
	r, err := h.read(ctx, dir, v, progress)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	return r, nil
}

// read is gate; its errors do not name the file.
func (h handler) read(ctx context.Context, dir string, v finished, progress func(ffmpeg.Progress)) (*msg.Report, error) {
	path := filepath.Join(dir, v.name)
	video, sound, err := readTracks(path, v.want.captions)
	if err != nil {
		return nil, err
	}
	length, err := mp4.Length(path)
	if err != nil {
		return nil, err
	}
	r := &msg.Report{
		Frames: v.facts.Frames, DurationSeconds: video.Duration.Round(time.Millisecond).Seconds(), Bytes: v.facts.Bytes,
		Width: video.Width, Height: video.Height, Rate: v.want.rate, Codec: video.Codec, PixelFormat: video.PixelFormat,
		ColorSpace: video.Space, ColorPrimaries: video.Primaries, ColorTransfer: video.Transfer, ColorRange: video.Range,
	}
	for _, d := range []time.Duration{video.Duration, length} {
		if (d - v.want.length()).Abs() > time.Millisecond {
			return nil, fmt.Errorf("it says that it lasts %s, want %s", d, v.want.length())
		}
	}
	if r.FastStart, err = mp4.FastStart(path); err != nil {
		return nil, err
	}
	if !r.FastStart {
		return nil, errors.New("its index is not before its pictures")
	}
	var spent atomic.Int64
	reader := h.counting(&spent)
	if err := reader.watch(ctx, dir, v, progress, r); err != nil {
		return nil, err
	}
	if sound != nil {
		r.Sound = &msg.SoundReport{Codec: sound.Codec, DurationSeconds: sound.Duration.Seconds()}
		if err := reader.listen(ctx, dir, v.name, v.want, r.Sound); err != nil {
			return nil, err
		}
	}
	r.CPUSeconds = time.Duration(spent.Load()).Round(time.Millisecond).Seconds()
	return r, nil
}

// counting is the same handler, whose programs' CPU time is added to spent.
func (h handler) counting(spent *atomic.Int64) handler {
	h.tools = h.tools.Counting(spent)
	return h
}

// watch decodes the picture from its first frame to its last, and takes the first of the
// thumbnails.
func (h handler) watch(ctx context.Context, dir string, v finished, progress func(ffmpeg.Progress), r *msg.Report) error {
	if err := h.tools.Run(ctx, dir, watchArgs(v), progress); err != nil {
		return fmt.Errorf("it cannot be decoded: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, fileLooks))
	if err != nil {
		return fmt.Errorf("read what frames look like: %w", err)
	}
	if len(data) != v.want.frames*lookSize {
		return fmt.Errorf("%d frames can be decoded, want %d", len(data)/lookSize, v.want.frames)
	}
	frame := func(n int) []byte { return data[n*lookSize : (n+1)*lookSize] }
	if err := checkSeen(data, v.was, v.want.frames, r); err != nil {
		return err
	}
	r.Black = stretches(v.want, shortestBlack, func(n int) bool { return brightest(frame(n)) <= blackLook })
	r.Still = stretches(v.want, shortestStill, func(n int) bool { return n > 0 && bytes.Equal(frame(n), frame(n-1)) })
	return nil
}

// watchArgs is the command line that decodes the picture, fails at the first error, and writes
// looks of all frames and one thumbnail.
func watchArgs(v finished) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(v.name, ffmpeg.OwnContainers, "-xerror", "-err_detect", "explode")...)
	args = append(args,
		"-filter_complex", "[0:v:0]split[all][some];[all]"+lookFilter+"[looks];"+
			fmt.Sprintf("[some]trim=start_frame=%d:end_frame=%d[one];", v.thumbnails[0], v.thumbnails[0]+1)+takenFilter("[one]", v.want.width),
		// First, since the frames of the first output are those that FFmpeg tells of.
		"-map", "[looks]", "-fps_mode", "passthrough", "-f", "rawvideo", "file:"+fileLooks)
	return append(args, takenOutputs()...)
}

// checkSeen makes sure that the looks of a video's frames are those that were encoded.
func checkSeen(data []byte, was seen, frames int, r *msg.Report) error {
	frame := func(n int) []byte { return data[n*lookSize : (n+1)*lookSize] }
	for _, l := range was.looks {
		if l.Frame < 0 || l.Frame >= frames || len(l.Cells) != lookSize {
			return fmt.Errorf("there is no frame %d to be compared", l.Frame)
		}
		d := difference(l.Cells, frame(l.Frame))
		if r.Compared++; float64(d) > r.Difference {
			r.Difference = float64(d)
		}
		if d > sameLook {
			return fmt.Errorf("frame %d is not what was encoded: parts of it differ by %d levels of 255", l.Frame, d)
		}
	}
	for _, c := range was.changes {
		if last := c.Frame + c.Step*len(c.Levels); c.Frame < 0 || c.Step < 1 || last >= frames {
			return fmt.Errorf("there is no frame %d to be compared", last)
		}
		for i, was := range c.Levels {
			n := c.Frame + c.Step*i
			is := difference(frame(n), frame(n+c.Step))
			if max(is, was)-min(is, was) > 2*sameLook {
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
func stretches(v expected, shortest time.Duration, holds func(n int) bool) []msg.Stretch {
	list := []msg.Stretch{} // not null in JSON
	begin := -1
	for n := 0; n <= v.frames; n++ {
		switch in := n < v.frames && holds(n); {
		case in && begin < 0:
			begin = n
		case !in && begin >= 0:
			if from, to := v.rate.At(begin), v.rate.At(n); to-from >= shortest {
				list = append(list, msg.Stretch{
					FromSeconds: from.Round(time.Millisecond).Seconds(), ToSeconds: to.Round(time.Millisecond).Seconds(),
				})
			}
			begin = -1
		}
	}
	return list
}

// listen measures the sound.
func (h handler) listen(ctx context.Context, dir, name string, want expected, r *msg.SoundReport) error {
	text, err := h.tools.RunInfo(ctx, dir, finishedLoudnessArgs(name), nil)
	if err != nil {
		return fmt.Errorf("its sound cannot be decoded: %w", err)
	}
	l, err := ffmpeg.ParseLoudness(text)
	if err != nil {
		return err
	}
	if l.Silent && want.loudness != nil {
		return errors.New("its sound is silence, and the facecam's is not")
	}
	if l.Silent {
		return nil
	}
	r.Integrated, r.TruePeak = &l.Integrated, &l.TruePeak
	if want.loudness == nil {
		return nil
	}
	how, target := "", *want.loudness
	switch {
	case l.TruePeak > target.peak+loudnessMargin, l.Integrated > target.integrated+loudnessMargin:
		how = "loud"
	case want.evenly && l.Integrated < target.integrated-loudnessMargin:
		how = "soft"
	default:
		return nil
	}
	return fmt.Errorf("its sound is too %s: %.1f LUFS with peaks of %.1f dBTP, want %.1f and %.1f",
		how, l.Integrated, l.TruePeak, target.integrated, target.peak)
}
