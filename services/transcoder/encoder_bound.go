package transcoder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
)

// A constant rate factor bounds no bit rate: noise may take ten times what its level allows. An
// encoder that minds the bound while it works takes 4 % more CPU time, with the very same pictures
// unless they are noise or the like. So it is told of the bound only when what it made without is
// beyond it.

// encodeWithin runs an encoder that writes the segment name, and once more when the segment is more
// than the bound of its length. x264 may miss its bound by a little, which leaves room for that; a
// segment that decoders of the level cannot cope with is an error.
func encodeWithin(
	log zerolog.Logger, dir, name string, l h264Level, rate msg.Rate, frames int, args []string, run func(args []string) error,
) error {
	if err := run(args); err != nil {
		return err
	}
	to := l.boundFor(rate.At(frames))
	within, err := fits(dir, name, to, rate)
	if err != nil || within {
		return err
	}
	log.Info().Str("level", l.name).Msg("more bits than its level allows: encoding the segment once more, within its bound")
	if err := run(boundedArgs(args, to)); err != nil {
		return err
	}
	if within, err = fits(dir, name, to, rate); err != nil || within {
		return err
	}
	if within, err = fits(dir, name, bound{l.rate, l.buffer}, rate); err != nil {
		return err
	}
	if !within {
		return fmt.Errorf("%s is more than level %s allows, though it was encoded within it", name, l.name)
	}
	log.Warn().Str("level", l.name).Msg("the segment misses its bound, though not its level: players may stall where it is joined to others")
	return nil
}

// boundedArgs holds the encoder of a command line within a bound. It changes nothing in the
// parameter sets.
func boundedArgs(args []string, to bound) []string {
	at := slices.Index(args, levelOption)
	return slices.Insert(slices.Clone(args), at,
		"-maxrate:v", strconv.Itoa(to.rate)+"k", "-bufsize:v", strconv.Itoa(to.buffer)+"k")
}

// startFill is how full x264 takes the decoder's buffer to be when a segment begins.
const startFill = 0.9

// fits reports whether a segment is what an encoder might have made that minds the bound.
func fits(dir, name string, to bound, rate msg.Rate) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return false, fmt.Errorf("weigh %s: %w", name, err)
	}
	if float64(8*info.Size()) <= startFill*1000*float64(to.buffer) {
		return true, nil // all of it at once would fit
	}
	tracks, err := mp4.Read(filepath.Join(dir, name))
	if err != nil {
		return false, fmt.Errorf("weigh %s: %w", name, err)
	}
	return len(tracks) > 0 && feedable(tracks[0].Sizes, to, rate), nil
}

// feedable reports whether packets of these many bytes, one for each frame, come in time through
// the bound's buffer.
func feedable(sizes []int64, to bound, rate msg.Rate) bool {
	buffer, perFrame := 1000*float64(to.buffer), 1000*float64(to.rate)/rate.Float()
	fill := startFill * buffer
	for _, bytes := range sizes {
		if fill -= 8 * float64(bytes); fill < 0 {
			return false
		}
		fill = min(buffer, fill+perFrame)
	}
	return true
}
