package sound

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/captions"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Files in the task's folder: what Mix reads, and what it writes.
const (
	JoinedFile = "joined.mp4"
	VideoFile  = "video.mp4"
)

// If a sound's range, in LU, is no larger than the one asked for, and more than nothing, loudnorm
// changes all of it by the same amount. Otherwise, and when peaks forbid it, loudnorm turns the
// volume up and down as it goes. maxRange is the most that it lets us ask for.
const minRange, usualRange, maxRange = 0.1, 11, 50

// softest is the lowest target in LUFS that loudnorm takes.
const softest = -70

// brief is a little more than the length of sound below which loudnorm changes all of it by the
// same amount in any case.
const brief = 3100 * time.Millisecond

// loudnessHolds is the length of sound from which the silence around it no longer changes the
// loudness in a way that matters: loudness is that of blocks of 0.4 s, and blocks that are silent
// in part count as well.
const loudnessHolds = time.Second

// Sound that starts or ends in the middle of a wave clicks.
const fadeIn, fadeOut = 10 * time.Millisecond, 20 * time.Millisecond

// Mix lays s over the picture of JoinedFile and writes VideoFile, with the captions as a track. s
// is nil for a video without sound. Sound that is longer than the picture is cut; after the end of
// shorter sound there is silence.
func Mix(ctx context.Context, tools ffmpeg.Tools, dir string, p msg.OverlayParams, s *Source, progress func(ffmpeg.Progress)) error {
	joined, err := os.Stat(filepath.Join(dir, JoinedFile))
	if err != nil {
		return err
	}
	if len(p.Captions) > 0 {
		if err := captions.WriteTrack(dir, p.Captions); err != nil {
			return err
		}
	}
	args, limits := mixArgs(p, s), mixing(p, joined.Size())
	if s == nil {
		return tools.Within(limits).Run(ctx, dir, args, progress)
	}
	_, err = s.run(ctx, tools, dir, p.Rate.At(p.Frames), limits, args, progress)
	return err
}

// Reached returns the target that the finished sound must have reached, nil when it was left as it
// is. evenly reports whether all of it was changed by the same amount, so that it must not be
// softer than the target either.
func (s *Source) Reached(target Target) (reached *Target, evenly bool) {
	if s == nil || s.Loudness == nil {
		return nil, false
	}
	return &target, target.evenly(*s.Loudness) && s.To-s.From >= loudnessHolds
}

// mixArgs is the command line of Mix.
func mixArgs(p msg.OverlayParams, s *Source) []string {
	args := ffmpeg.Global("error")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, "-copyts")
	args = append(args, ffmpeg.Input(JoinedFile, ffmpeg.OwnContainers)...)
	if s != nil {
		args = append(args, decodedInput()...)
		args = append(args, "-filter_complex", mixFilter(p, *s))
	}
	if len(p.Captions) > 0 {
		args = append(args, captions.TrackInput()...)
	}
	args = append(args, "-map", "0:v:0", "-c:v", "copy")
	if s != nil {
		args = append(args, "-map", "[sound]", "-c:a", "aac", "-profile:a", "aac_low", "-b:a", "192k")
	}
	if len(p.Captions) > 0 {
		input := 1
		if s != nil {
			input = 2
		}
		args = append(args, captions.Track(input, p.Language)...)
	}
	return append(args,
		"-map_metadata", "-1", "-video_track_timescale", ffmpeg.Timescale(p.Rate), "-movflags", "+faststart",
		"-f", "mp4", "file:"+VideoFile)
}

func mixFilter(p msg.OverlayParams, s Source) string {
	filters := []string{chain(1)}
	if l := s.Loudness; l != nil {
		f, target := decibels, TargetOf(p.Loudness)
		if s.To > 0 && s.To < brief && !target.evenly(*l) {
			// As much as peaks allow: asked for more, loudnorm turns the sound down.
			target.Integrated = max(softest, l.Integrated+target.Peak-l.TruePeak-0.01)
		}
		filters = append(filters, target.loudnorm()+":LRA="+f(min(max(l.Range, usualRange), maxRange))+
			":measured_I="+f(l.Integrated)+":measured_TP="+f(l.TruePeak)+":measured_LRA="+f(max(l.Range, minRange))+
			":measured_thresh="+f(l.Threshold)+":offset="+f(l.Offset)+":linear=true",
			// loudnorm may give 192 kHz.
			fmt.Sprintf("aresample=%d", SampleRate))
	}
	filters = append(filters, fades(s, p.Rate.At(p.Frames))...)
	filters = append(filters,
		// As long as the picture, to the sample: cut, or filled with silence. asetpts: N/SR/TB
		// would be cut off to a sample less here and there.
		"apad", fmt.Sprintf("atrim=end_sample=%d", Samples(p.Rate, p.Frames)), "asetpts=N",
		"aformat=sample_fmts=fltp:channel_layouts=stereo",
	)
	return strings.Join(filters, ",") + "[sound]"
}

// fades returns the filters that fade where the sound starts, and where it or the picture ends.
func fades(s Source, picture time.Duration) []string {
	end := picture
	if s.To > 0 {
		end = min(end, s.To)
	}
	from := max(0, s.From)
	if end-from < fadeIn+fadeOut {
		return nil
	}
	return []string{
		fmt.Sprintf("afade=t=in:st=%s:d=%s", ffmpeg.Seconds(from), ffmpeg.Seconds(fadeIn)),
		fmt.Sprintf("afade=t=out:st=%s:d=%s", ffmpeg.Seconds(end-fadeOut), ffmpeg.Seconds(fadeOut)),
	}
}

// Samples returns how many samples last as long as frames, rounded to the nearest.
func Samples(rate msg.Rate, frames int) int64 {
	num := int64(frames) * int64(rate.Den) * SampleRate
	return (2*num + int64(rate.Num)) / (2 * int64(rate.Num))
}
