package transcoder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sniff"
)

// probe fetches a facecam, makes sure that it is a video that the later stages can use, measures it
// and stores it as it came.
func (h handler) probe(ctx context.Context, t *stage.Task) (any, error) {
	p, err := stage.Params[msg.ProbeParams](t)
	if err != nil {
		return nil, err
	}
	size, err := h.facecams.Fetch(ctx, p.URL, path(t, fileFacecam), part(t, 0, 0.5))
	if err != nil {
		return nil, err
	}
	facts, err := h.examineInTurn(ctx, t, time.Duration(p.Length))
	if err != nil {
		return nil, err
	}
	facts.Bytes = size
	t.Progress(0.9)
	return facts, t.Store(ctx, msg.FacecamFile, path(t, fileFacecam))
}

// cutOff is how much of what the header promises may be missing.
const cutOff = time.Second

// examineInTurn is examine, for as many facecams at once as there are slots: more may be fetched,
// but to decode takes time of the CPU.
func (h handler) examineInTurn(ctx context.Context, t *stage.Task, heard time.Duration) (msg.ProbeFacts, error) {
	if h.measured != nil {
		select {
		case h.measured <- struct{}{}:
			defer func() { <-h.measured }()
		case <-ctx.Done():
			return msg.ProbeFacts{}, fmt.Errorf("wait for others to be measured: %w", context.Cause(ctx))
		}
	}
	return h.examine(ctx, t, heard)
}

// examine measures a facecam for a video of some length, 0 for one as long as itself.
func (h handler) examine(ctx context.Context, t *stage.Task, heard time.Duration) (msg.ProbeFacts, error) {
	file, err := h.tools.Within(inspecting).Inspect(ctx, t.Dir, fileFacecam, ffmpeg.Containers)
	if err != nil {
		return msg.ProbeFacts{}, h.refuse(err, whatItIs(path(t, fileFacecam)))
	}
	video, sound := choose(file)
	if err := checkHeader(file, video, sound); err != nil {
		return msg.ProbeFacts{}, err
	}
	timing, err := h.tools.Within(inspecting).Timing(ctx, t.Dir, fileFacecam, ffmpeg.Containers, video.Index)
	if errors.Is(err, ffmpeg.ErrTooMany) {
		return msg.ProbeFacts{}, facecam.NotVideo("holds more pictures than a video of hours.", err)
	}
	if err != nil {
		return msg.ProbeFacts{}, h.refuse(err, "is damaged.")
	}
	length := timing.Length(*video)
	if err := checkLength(*video, timing.Packets, length); err != nil {
		return msg.ProbeFacts{}, err
	}
	decoded := 0
	err = h.tools.Within(decoding).Run(ctx, t.Dir, firstFrameArgs(*video), func(p ffmpeg.Progress) { decoded = p.Frame })
	if err != nil {
		return msg.ProbeFacts{}, h.refuse(err, badPicture)
	}
	if decoded == 0 {
		// FFmpeg does not mind.
		return msg.ProbeFacts{}, facecam.NotVideo("is damaged: no picture of it could be decoded.", nil)
	}
	seekable, err := h.seekable(ctx, t.Dir, *video, timing)
	if err != nil {
		return msg.ProbeFacts{}, err
	}
	t.Progress(0.6)

	facts := msg.ProbeFacts{
		// From the start of the file, not of its picture: that is where the other stages count
		// from.
		DurationMS: (timing.EndTime(*video) - file.Start).Milliseconds(), Width: video.Width, Height: video.Height,
		VideoStream: video.Index, VideoCodec: video.Codec, Alpha: video.Alpha, AudioStream: -1, Seekable: seekable,
	}
	if sound == nil {
		return facts, nil
	}
	facts.AudioStream, facts.AudioCodec = sound.Index, sound.Codec
	packets, err := h.tools.Within(inspecting).Timing(ctx, t.Dir, fileFacecam, ffmpeg.Containers, sound.Index)
	if errors.Is(err, ffmpeg.ErrTooMany) {
		return msg.ProbeFacts{}, facecam.NotVideo("holds more sound than a video of hours.", err)
	}
	if err != nil {
		return msg.ProbeFacts{}, h.refuse(err, "has sound that is damaged.")
	}
	if packets.Packets > 0 {
		facts.SoundMS = max(0, (packets.EndTime(*sound) - file.Start).Milliseconds())
	}
	if heard == 0 {
		heard = length
	}
	measured := overlaySound{
		stream: sound.Index, start: file.Start, from: sound.Start - file.Start, to: time.Duration(facts.SoundMS) * time.Millisecond,
	}
	facts.Loudness, err = h.loudness(ctx, t.Dir, measured, webSpeech, heard, part(t, 0.6, 0.9))
	return facts, err
}

// choose returns the first moving picture and the first sound of a file, or nil.
func choose(file ffmpeg.File) (video, sound *ffmpeg.Stream) {
	for i, s := range file.Streams {
		switch {
		case s.Type == "video" && !s.Cover && video == nil:
			video = &file.Streams[i]
		case s.Type == "audio" && sound == nil && s.Codec != "":
			sound = &file.Streams[i]
		}
	}
	return video, sound
}

// firstFrameArgs is the command line that decodes until there is a frame.
func firstFrameArgs(video ffmpeg.Stream) []string {
	args := append(ffmpeg.Global("error"), ffmpeg.WithProgress...)
	args = append(args, ffmpeg.Input(fileFacecam, ffmpeg.Containers, pictureDecoder(video)...)...)
	return append(args, "-map", "0:"+strconv.Itoa(video.Index), "-frames:v", "1", "-f", "null", "-")
}

// loudness runs a first pass of loudnorm over as much of a facecam's sound as is heard, and returns
// nil for silence.
func (h handler) loudness(
	ctx context.Context, dir string, sound overlaySound, target loudness, heard time.Duration, report func(float64),
) (*msg.Loudness, error) {
	stderr, err := h.overSound(ctx, dir, sound, heard, measuring, loudnessArgs(sound, target, heard), func(p ffmpeg.Progress) {
		report(float64(p.Time) / float64(heard))
	})
	if err != nil {
		return nil, h.refuse(fmt.Errorf("measure the facecam's loudness: %w", err), badSound)
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

// whatItIs says what a file that is no video seems to be instead, as the end of a sentence that
// starts "The facecam".
func whatItIs(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "is not a video."
	}
	defer func() { _ = f.Close() }()
	head, err := sniff.Head(f)
	if err != nil {
		return "is not a video."
	}
	return facecam.Describe(head)
}
