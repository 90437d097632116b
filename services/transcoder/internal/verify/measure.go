package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/sound"
)

// Expected is what a file that we wrote must be.
type Expected struct {
	Width, Height int
	Rate          msg.Rate
	Frames        int
	// Sound says that there is a track of sound, Captions that there is one of captions.
	Sound, Captions bool
	// Loudness is what the sound was brought to; nil when it was left as it is.
	Loudness *sound.Target
	// Evenly says that all of the sound was changed by the same amount, so that it must not be
	// softer than Loudness either.
	Evenly bool
}

// length is that of the picture, and of the sound.
func (e Expected) length() time.Duration { return e.Rate.At(e.Frames) }

// Measure reads the index of a file that we wrote and returns its facts, or an error when it is not
// what it must be.
func Measure(dir, name string, want Expected) (msg.VideoFacts, error) {
	video, audio, err := readTracks(filepath.Join(dir, name), want.Captions)
	if err == nil {
		err = checkPicture(video, want)
	}
	if err == nil {
		err = checkSound(audio, want)
	}
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return msg.VideoFacts{}, fmt.Errorf("measure %s: %w", name, err)
	}
	return msg.VideoFacts{
		Frames: video.Timing.Packets, Bytes: info.Size(), Sound: audio != nil, Parameters: video.Parameters,
	}, nil
}

// readTracks returns the one video track, and the audio track or nil. Another track is an error,
// and so is a missing or unexpected track of captions.
func readTracks(path string, captions bool) (video, audio *mp4.Track, err error) {
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
		case t.Type == "audio" && audio == nil:
			audio = &list[i]
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
	return video, audio, nil
}

func checkPicture(t *mp4.Track, want Expected) error {
	perSecond, perFrame := want.Rate.Timescale()
	timing := t.Timing
	switch {
	case timing.Packets != want.Frames:
		return fmt.Errorf("%d frames, want %d", timing.Packets, want.Frames)
	case t.Width != want.Width || t.Height != want.Height:
		return fmt.Errorf("%d×%d pixels, want %d×%d", t.Width, t.Height, want.Width, want.Height)
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

func checkSound(t *mp4.Track, want Expected) error {
	switch {
	case (t != nil) != want.Sound:
		return fmt.Errorf("sound: %t, want %t", t != nil, want.Sound)
	case t != nil && t.Codec != "aac":
		return fmt.Errorf("sound in %s, want aac", t.Codec)
	case t == nil:
		return nil
	case (t.Duration - want.length()).Abs() > time.Millisecond:
		return fmt.Errorf("%s of sound for %s of picture", t.Duration, want.length())
	case t.TickSpan != 1 || t.TicksPerSecond != sound.SampleRate:
		return fmt.Errorf("sound of %d/%d s a tick, want 1/%d", t.TickSpan, t.TicksPerSecond, sound.SampleRate)
	}
	// A header may say anything. Players play the packets, one after the other.
	heard := sound.Samples(want.Rate, want.Frames)
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
