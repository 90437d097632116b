package facecam

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// File is the facecam's name in a task's folder.
const File = "facecam"

// Examined is what Examine finds out about a facecam.
type Examined struct {
	// Facts lack the file's size, and how loud the sound is.
	Facts msg.ProbeFacts
	// Headers are what the file says of itself.
	Headers ffmpeg.File
	// Length is how long the picture lasts.
	Length time.Duration
}

// Inspect reads the headers of the facecam in dir.
func Inspect(ctx context.Context, tools ffmpeg.Tools, dir string) (ffmpeg.File, error) {
	file, err := tools.Within(inspecting).Inspect(ctx, dir, File, ffmpeg.Containers)
	if err != nil {
		return ffmpeg.File{}, Classify(err, describeFile(filepath.Join(dir, File)))
	}
	return file, nil
}

// Examine makes sure that the facecam in dir is a video that the later stages can use, and measures
// it. It reads all packets, and decodes the first picture and some in the middle.
func Examine(ctx context.Context, tools ffmpeg.Tools, dir string) (Examined, error) {
	file, err := Inspect(ctx, tools, dir)
	if err != nil {
		return Examined{}, err
	}
	video, sound := choose(file)
	if err := checkHeader(file, video, sound); err != nil {
		return Examined{}, err
	}
	timing, err := packetTiming(ctx, tools, dir, video.Index, "holds more pictures than a video of hours.", "is damaged.")
	if err != nil {
		return Examined{}, err
	}
	length := timing.Length(*video)
	if err := checkLength(*video, timing.Packets, length); err != nil {
		return Examined{}, err
	}
	if err := decodeFirst(ctx, tools, dir, *video); err != nil {
		return Examined{}, err
	}
	canSeek, err := seekable(ctx, tools, dir, *video, timing)
	if err != nil {
		return Examined{}, err
	}
	facts := msg.ProbeFacts{
		// From the start of the file, not of its picture: the other stages count from there.
		DurationMS: (timing.EndTime(*video) - file.Start).Milliseconds(), Width: video.Width, Height: video.Height,
		VideoStream: video.Index, VideoCodec: video.Codec, Alpha: video.Alpha, AudioStream: -1, Seekable: canSeek,
	}
	if sound != nil {
		facts.AudioStream, facts.AudioCodec = sound.Index, sound.Codec
		packets, err := packetTiming(ctx, tools, dir, sound.Index, "holds more sound than a video of hours.", "has sound that is damaged.")
		if err != nil {
			return Examined{}, err
		}
		if packets.Packets > 0 {
			facts.SoundMS = max(0, (packets.EndTime(*sound) - file.Start).Milliseconds())
		}
	}
	return Examined{Facts: facts, Headers: file, Length: length}, nil
}

// packetTiming reads a stream's packets. tooMany and damaged end sentences that start "The
// facecam".
func packetTiming(ctx context.Context, tools ffmpeg.Tools, dir string, stream int, tooMany, damaged string) (ffmpeg.Timing, error) {
	timing, err := tools.Within(inspecting).Timing(ctx, dir, File, ffmpeg.Containers, stream)
	if errors.Is(err, ffmpeg.ErrTooMany) {
		return ffmpeg.Timing{}, notVideo(tooMany, err)
	}
	if err != nil {
		return ffmpeg.Timing{}, Classify(err, damaged)
	}
	return timing, nil
}

// decodeFirst makes sure that a picture can be decoded.
func decodeFirst(ctx context.Context, tools ffmpeg.Tools, dir string, video ffmpeg.Stream) error {
	decoded := 0
	err := tools.Within(decoding).Run(ctx, dir, firstFrameArgs(video), func(p ffmpeg.Progress) { decoded = p.Frame })
	if err != nil {
		return Classify(err, BadPicture)
	}
	if decoded == 0 { // FFmpeg does not fail then
		return notVideo("is damaged: no picture of it could be decoded.", nil)
	}
	return nil
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
	args = append(args, ffmpeg.Input(File, ffmpeg.Containers, decoderOptions(video)...)...)
	return append(args, "-map", "0:"+strconv.Itoa(video.Index), "-frames:v", "1", "-f", "null", "-")
}
