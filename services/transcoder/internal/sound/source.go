package sound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// SampleRate of the finished video's sound, in hertz.
const SampleRate = 48000

// Source is a facecam's sound.
type Source struct {
	// Stream is the index of the audio stream.
	Stream int
	// Start is the earliest time stamp of all of the facecam's streams.
	Start time.Duration
	// Loudness is what was measured; nil leaves the sound as loud as it is.
	Loudness *msg.Loudness
	// From and To are when there is sound, counted from Start. To is 0 when that is not known.
	From, To time.Duration
}

// SourceOf returns the sound of a facecam, nil when it has none.
func SourceOf(file ffmpeg.File, facts msg.ProbeFacts) *Source {
	if facts.AudioStream < 0 {
		return nil
	}
	s := &Source{
		Stream: facts.AudioStream, Start: file.Start, Loudness: facts.Loudness, To: time.Duration(facts.SoundMS) * time.Millisecond,
	}
	for _, stream := range file.Streams {
		if stream.Index == facts.AudioStream {
			s.From = stream.Start - file.Start
		}
	}
	return s
}

// A facecam's sound may change its channels or its rate in the middle. FFmpeg then creates all
// filters again, and those that count from the start count from zero again: what follows comes too
// late. So a process of its own brings the sound to one form, with filters that go by each sample's
// time stamp and keep nothing of what was before. Another process measures or mixes its output.

// decodeArgs is the command line that decodes a facecam's sound up to a time from its start and
// writes it as 48 kHz stereo. Time stamps count from the start of the file, which is the earliest
// of all of its streams. Gaps, overlaps and late samples stay as they are.
func decodeArgs(s Source, until time.Duration) []string {
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, ffmpeg.Input(facecam.File, ffmpeg.Containers)...)
	// A moment of silence goes along as another stream: if there is no sound at all up to that
	// time, the output would otherwise be nothing that can be opened.
	args = append(args, "-f", "lavfi", "-t", "0.02", "-i", fmt.Sprintf("anullsrc=channel_layout=stereo:sample_rate=%d", SampleRate))
	return append(args, "-map", "0:"+strconv.Itoa(s.Stream), "-map", "1:0", "-filter:a:0", strings.Join([]string{
		fmt.Sprintf("asetpts=PTS-(%s)/TB", ffmpeg.Seconds(s.Start)), "atrim=start=0:end=" + ffmpeg.Seconds(until),
		fmt.Sprintf("aformat=sample_fmts=flt:channel_layouts=stereo:sample_rates=%d", SampleRate),
	}, ","), "-c:a", "pcm_f32le", "-f", "nut", "pipe:1")
}

// decodedInput opens what decodeArgs writes.
func decodedInput() []string {
	return []string{"-protocol_whitelist", "pipe", "-format_whitelist", "nut", "-f", "nut", "-i", "pipe:0"}
}

// chain makes of the decoded sound, an input, 48 kHz stereo that starts where its picture does:
// gaps and overlaps of more than 10 ms are filled and cut, so that sample n is never further than
// that from n/48000 s. aresample's own bound, 100 ms, is heard as lips out of step; none at all
// would mend what is only the rounding of time stamps.
func chain(input int) string {
	return strings.Join([]string{
		fmt.Sprintf("[%d:0]aresample=%d:async=1:min_hard_comp=0.01:first_pts=0", input, SampleRate),
		"aformat=sample_fmts=fltp:channel_layouts=stereo",
	}, ",")
}

// run runs ffmpeg with args, whose decodedInput is the sound up to a time, and returns the end of
// what ffmpeg wrote to stderr. A sound that cannot be decoded is an error for the user.
func (s Source) run(
	ctx context.Context, tools ffmpeg.Tools, dir string, until time.Duration, limits ffmpeg.Limits, args []string, progress func(ffmpeg.Progress),
) (stderr string, err error) {
	var failure error
	err = tools.Within(decoding).Pipe(ctx, dir, decodeArgs(s, until), func(samples io.Reader) error {
		stderr, failure = tools.Within(limits).Fed(samples).RunInfo(ctx, dir, args, progress)
		return failure
	})
	if failure != nil && errors.Is(err, failure) {
		return "", failure
	}
	if err != nil {
		return "", facecam.Classify(fmt.Errorf("decode the facecam's sound: %w", err), facecam.BadSound)
	}
	return stderr, nil
}
