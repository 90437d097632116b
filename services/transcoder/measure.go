package transcoder

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
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
	// evenly says that all of it was changed by the same amount, so that it is no softer than that
	// either.
	evenly bool
}

// length is that of the picture, and of the sound.
func (e expected) length() time.Duration { return e.rate.At(e.frames) }

// measure reads a file that we wrote and returns its facts, or an error when it is not what it must
// be.
func measure(dir, name string, want expected) (msg.VideoFacts, error) {
	video, sound, err := readTracks(filepath.Join(dir, name), want.captions)
	if err == nil {
		err = checkPicture(video, want)
	}
	if err == nil {
		err = checkSound(sound, want)
	}
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	return msg.VideoFacts{
		Frames: video.Timing.Packets, Bytes: info.Size(), Sound: sound != nil, Parameters: video.Parameters,
	}, nil
}

// readTracks returns the one video track and the audio track, or nil. There is nothing else but
// captions, when there should be.
func readTracks(path string, captions bool) (video, sound *mp4.Track, err error) {
	list, err := mp4.Read(path)
	if err != nil {
		return nil, nil, err
	}
	for i, t := range list {
		switch {
		case t.Type == "subtitle" && captions:
			captions = false
		case t.Type == "video" && video == nil:
			video = &list[i]
		case t.Type == "audio" && sound == nil:
			sound = &list[i]
		default:
			return nil, nil, fmt.Errorf("an extra %s track", t.Type)
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

func checkPicture(t *mp4.Track, want expected) error {
	perSecond, perFrame := want.rate.Timescale()
	timing := t.Timing
	switch {
	case timing.Packets != want.frames:
		return fmt.Errorf("%d frames, want %d", timing.Packets, want.frames)
	case t.Width != want.width || t.Height != want.height:
		return fmt.Errorf("%d×%d pixels, want %d×%d", t.Width, t.Height, want.width, want.height)
	case t.Codec != "h264" || t.PixelFormat != "yuv420p" || t.Space != "bt709" || t.Primaries != "bt709" || t.Transfer != "bt709" || t.Range != "tv":
		return fmt.Errorf("%s %s %s %s %s %s, want h264 yuv420p bt709 bt709 bt709 tv",
			t.Codec, t.PixelFormat, t.Space, t.Primaries, t.Transfer, t.Range)
	case t.TickSpan != 1 || t.TicksPerSecond != perSecond:
		return fmt.Errorf("%d/%d s a tick, want 1/%d", t.TickSpan, t.TicksPerSecond, perSecond)
	case timing.First != 0:
		return fmt.Errorf("the first frame is at tick %d, want 0", timing.First)
	case timing.Uneven >= 0:
		return fmt.Errorf("frame %d is not one frame's length after the one before", timing.Uneven)
	case timing.Packets > 1 && timing.Gap != int64(perFrame):
		return fmt.Errorf("a frame lasts %d ticks, want %d", timing.Gap, perFrame)
	}
	return nil
}

func checkSound(t *mp4.Track, want expected) error {
	switch {
	case (t != nil) != want.sound:
		return fmt.Errorf("sound: %t, want %t", t != nil, want.sound)
	case t != nil && t.Codec != "aac":
		return fmt.Errorf("sound in %s, want aac", t.Codec)
	case t == nil:
		return nil
	case (t.Duration - want.length()).Abs() > time.Millisecond:
		return fmt.Errorf("%s of sound for %s of picture", t.Duration, want.length())
	case t.TickSpan != 1 || t.TicksPerSecond != sampleRate:
		return fmt.Errorf("sound of %d/%d s a tick, want 1/%d", t.TickSpan, t.TicksPerSecond, sampleRate)
	}
	// A header may say anything. What is heard is what the packets hold, one after the other.
	heard := samples(want.rate, want.frames)
	if packets, needed := int64(len(t.Sizes)), (t.Lead+heard+packetSamples-1)/packetSamples; packets < needed || packets > needed+1 {
		return fmt.Errorf("%d packets of sound, want %d: %d samples, and %d before them", packets, needed, heard, t.Lead)
	}
	if t.Timing.Uneven >= 0 || t.Timing.Packets > 1 && t.Timing.Gap != packetSamples {
		return fmt.Errorf("sound that is not in one piece: packet %d does not follow the one before", t.Timing.Uneven)
	}
	return nil
}

// packetSamples is how many samples a packet of AAC-LC holds.
const packetSamples = 1024

// checkReach makes sure that a mezzanine lasts for all frames of its piece, the time included that
// its last picture stands for: the encoder would repeat that picture for what is missing, and
// nobody would notice.
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
