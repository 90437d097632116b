package transcoder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// A facecam's sound may change its form on the way: its channels, or its rate. FFmpeg makes all
// filters anew then, and those that count from the start count from zero again: what follows comes
// too late. So a process of its own brings the sound to one form, with filters that go by each
// sample's time stamp and know nothing of what was before. What it writes is measured, or mixed, by
// another.

// soundArgs is the command line that decodes a facecam's sound up to a time from its start and
// writes it as 48 kHz stereo. Time stamps count from the start of the file, which is the earliest
// of all of its streams. Gaps, overlaps and what is late are left as they are.
func soundArgs(sound overlaySound, until time.Duration) []string {
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, ffmpeg.Input(fileFacecam, ffmpeg.Containers)...)
	// A moment of silence goes along as another stream: when there is no sound at all up to that
	// time, nothing would come that could be opened.
	args = append(args, "-f", "lavfi", "-t", "0.02", "-i", fmt.Sprintf("anullsrc=channel_layout=stereo:sample_rate=%d", sampleRate))
	return append(args, "-map", "0:"+strconv.Itoa(sound.stream), "-map", "1:0", "-filter:a:0", strings.Join([]string{
		fmt.Sprintf("asetpts=PTS-(%s)/TB", ffmpeg.Seconds(sound.start)), "atrim=start=0:end=" + ffmpeg.Seconds(until),
		fmt.Sprintf("aformat=sample_fmts=flt:channel_layouts=stereo:sample_rates=%d", sampleRate),
	}, ","), "-c:a", "pcm_f32le", "-f", "nut", "pipe:1")
}

// soundInput opens what soundArgs writes.
func soundInput() []string {
	return []string{"-protocol_whitelist", "pipe", "-format_whitelist", "nut", "-f", "nut", "-i", "pipe:0"}
}

// overSound runs ffmpeg with args, which has the facecam's sound up to a time as soundInput, and
// returns the end of what it wrote to stderr. A sound that cannot be decoded is an error for the
// user.
func (h handler) overSound(
	ctx context.Context, dir string, sound overlaySound, until time.Duration, limits ffmpeg.Limits, args []string, progress func(ffmpeg.Progress),
) (stderr string, err error) {
	var failure error
	err = h.tools.Within(hearing).Pipe(ctx, dir, soundArgs(sound, until), func(samples io.Reader) error {
		stderr, failure = h.tools.Within(limits).Fed(samples).RunInfo(ctx, dir, args, progress)
		return failure
	})
	if failure != nil && errors.Is(err, failure) {
		return "", failure
	}
	if err != nil {
		return "", h.refuse(fmt.Errorf("decode the facecam's sound: %w", err), badSound)
	}
	return stderr, nil
}
