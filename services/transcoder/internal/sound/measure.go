package sound

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Measure runs loudnorm's first pass over as much of the facecam's sound as the finished video has.
// It returns nil for silence.
func (s Source) Measure(
	ctx context.Context, tools ffmpeg.Tools, dir string, target Target, length time.Duration, report func(fraction float64),
) (*msg.Loudness, error) {
	stderr, err := s.run(ctx, tools, dir, length, measuring, measureArgs(s, target, length), func(p ffmpeg.Progress) {
		report(float64(p.Time) / float64(length))
	})
	if err != nil {
		return nil, facecam.Classify(fmt.Errorf("measure the facecam's loudness: %w", err), facecam.BadSound)
	}
	l, err := ffmpeg.ParseLoudness(stderr)
	if err != nil {
		return nil, fmt.Errorf("measure the facecam's loudness: %w", err)
	}
	if l.Silent {
		return nil, nil
	}
	return &msg.Loudness{
		Integrated: l.Integrated, TruePeak: l.TruePeak, Range: l.Range, Threshold: l.Threshold, Offset: l.Offset,
	}, nil
}

// MeasureFor measures the sound again, for a campaign's own target, if what was measured does not
// hold for it: by how much loudnorm misses a target when peaks forbid an even change depends on the
// target, and a probe measures for WebSpeech.
func (s *Source) MeasureFor(
	ctx context.Context, tools ffmpeg.Tools, dir string, target Target, length time.Duration, report func(fraction float64),
) error {
	if s.Loudness == nil || target == WebSpeech || target.evenly(*s.Loudness) {
		return nil
	}
	var err error
	s.Loudness, err = s.Measure(ctx, tools, dir, target, length, report)
	return err
}

// measureArgs is loudnorm's first pass over the facecam's sound up to a time. The report comes on
// stderr, at level info.
func measureArgs(s Source, target Target, until time.Duration) []string {
	args := ffmpeg.Global("info")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, "-copyts")
	args = append(args, decodedInput()...)
	// asupercut: the finished video's AAC does not hold what nobody hears either.
	filters := []string{chain(0), "asupercut=cutoff=20000:order=20", "atrim=end=" + ffmpeg.Seconds(until)}
	filters = append(filters, fades(s, until)...)
	filters = append(filters, target.loudnorm()+fmt.Sprintf(":LRA=%d:print_format=json[out]", usualRange))
	return append(args, "-filter_complex", strings.Join(filters, ","), "-map", "[out]", "-f", "null", "-")
}

// MeasureFinished decodes the sound of a finished video, fails at the first error, and returns how
// loud it is.
func MeasureFinished(ctx context.Context, tools ffmpeg.Tools, dir, name string) (ffmpeg.Loudness, error) {
	text, err := tools.RunInfo(ctx, dir, finishedArgs(name), nil)
	if err != nil {
		return ffmpeg.Loudness{}, fmt.Errorf("its sound cannot be decoded: %w", err)
	}
	return ffmpeg.ParseLoudness(text)
}

// finishedArgs is the command line that measures the sound of a finished video.
func finishedArgs(name string) []string {
	args := ffmpeg.Global("info")
	args = append(args, ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(name, ffmpeg.OwnContainers, "-xerror", "-err_detect", "explode")...)
	return append(args, "-map", "0:a:0", "-af", WebSpeech.loudnorm()+":print_format=json", "-f", "null", "-")
}
