package transcoder

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
)

// expected is what a file that we wrote must be.
type expected struct {
	width, height int
	rate          msg.Rate
	frames        int
	sound         bool
	// captions says that there is a track of them.
	captions bool
	// loudness is what the sound was brought to; nil when it was left as it is.
	loudness *loudness
	// evenly says that all of it was changed by the same amount, so that it is no softer than that either.
	evenly bool
}

// length is that of the picture, and of the sound.
func (e expected) length() time.Duration { return e.rate.At(e.frames) }

// measure reads a file that we wrote and returns its facts, or an error when it is not what it must be.
func measure(dir, name string, want expected) (msg.VideoFacts, error) {
	list, err := mp4.Read(filepath.Join(dir, name))
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	var file ffmpeg.File
	for _, t := range list {
		file.Streams = append(file.Streams, t.Stream)
	}
	video, sound, err := tracks(file, want.captions)
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	timing := list[video.Index].Timing
	if err := checkPicture(video, timing, want); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	if err := checkSound(sound, want); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	return msg.VideoFacts{
		Frames: timing.Packets, Bytes: info.Size(), Sound: sound != nil, Parameters: video.Parameters,
	}, nil
}

// tracks returns the one video track and the audio track, or nil. There is nothing else but captions, when there should be.
func tracks(file ffmpeg.File, captions bool) (video, sound *ffmpeg.Stream, err error) {
	for i, s := range file.Streams {
		switch {
		case s.Type == "subtitle" && captions:
			captions = false
		case s.Type == "video" && video == nil:
			video = &file.Streams[i]
		case s.Type == "audio" && sound == nil:
			sound = &file.Streams[i]
		default:
			return nil, nil, fmt.Errorf("an extra %s track", s.Type)
		}
	}
	if video == nil {
		return nil, nil, fmt.Errorf("no video track")
	}
	if captions {
		return nil, nil, fmt.Errorf("no track of captions")
	}
	return video, sound, nil
}

func checkPicture(s *ffmpeg.Stream, timing ffmpeg.Timing, want expected) error {
	perSecond, perFrame := want.rate.Timescale()
	switch {
	case timing.Packets != want.frames:
		return fmt.Errorf("%d frames, want %d", timing.Packets, want.frames)
	case s.Width != want.width || s.Height != want.height:
		return fmt.Errorf("%d×%d pixels, want %d×%d", s.Width, s.Height, want.width, want.height)
	case s.Codec != "h264" || s.PixelFormat != "yuv420p" || s.Space != "bt709" || s.Primaries != "bt709" || s.Transfer != "bt709" || s.Range != "tv":
		return fmt.Errorf("%s %s %s %s %s %s, want h264 yuv420p bt709 bt709 bt709 tv",
			s.Codec, s.PixelFormat, s.Space, s.Primaries, s.Transfer, s.Range)
	case s.TickSpan != 1 || s.TicksPerSecond != perSecond:
		return fmt.Errorf("%d/%d s a tick, want 1/%d", s.TickSpan, s.TicksPerSecond, perSecond)
	case timing.First != 0:
		return fmt.Errorf("the first frame is at tick %d, want 0", timing.First)
	case timing.Uneven >= 0:
		return fmt.Errorf("frame %d is not one frame's length after the one before", timing.Uneven)
	case timing.Packets > 1 && timing.Gap != int64(perFrame):
		return fmt.Errorf("a frame lasts %d ticks, want %d", timing.Gap, perFrame)
	}
	return nil
}

func checkSound(s *ffmpeg.Stream, want expected) error {
	switch {
	case (s != nil) != want.sound:
		return fmt.Errorf("sound: %t, want %t", s != nil, want.sound)
	case s != nil && s.Codec != "aac":
		return fmt.Errorf("sound in %s, want aac", s.Codec)
	case s != nil && (s.Duration-want.length()).Abs() > time.Millisecond:
		return fmt.Errorf("%s of sound for %s of picture", s.Duration, want.length())
	}
	return nil
}

// checkReach makes sure that a mezzanine lasts for all frames of its piece, the time included that its last picture stands for: the
// encoder would repeat that picture for what is missing, and nobody would notice.
func checkReach(path string, rate msg.Rate, frames int) error {
	lasts, err := mp4.Length(path)
	if err != nil {
		return fmt.Errorf("read the index of %s: %w", filepath.Base(path), err)
	}
	if want := rate.At(frames); lasts < want-rate.At(1)/2 {
		return fmt.Errorf("%s lasts %s, want %s for %d frames", filepath.Base(path), lasts, want, frames)
	}
	return nil
}
