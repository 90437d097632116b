package encode

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mp4"
)

// A constant rate factor bounds no bit rate: noise may take ten times what its level allows. With
// VBV on, x264 takes 4 % more CPU time and makes the same pictures, unless they are noise or the
// like. So VBV is on only in a second encode, of a segment whose first encode is beyond the bound.

// withinLevel runs an encoder that writes the file name, and once more, with VBV, when the file is
// beyond the bound of its length. x264 may miss the bound by a little, and the bound leaves room
// for that; a file that decoders of the level cannot decode in time is an error.
func (e Encoder) withinLevel(name string, l level, rate msg.Rate, frames int, args []string, run func(args []string) error) error {
	if err := run(args); err != nil {
		return err
	}
	bound := l.vbvFor(rate.At(frames))
	within, err := fits(e.Dir, name, bound, rate)
	if err != nil || within {
		return err
	}
	e.Log.Info().Str("level", l.name).Msg("the segment has more bits than its level allows: it is encoded once more, with VBV")
	if err := run(vbvArgs(args, bound)); err != nil {
		return err
	}
	if within, err = fits(e.Dir, name, bound, rate); err != nil || within {
		return err
	}
	if within, err = fits(e.Dir, name, vbv{l.rate, l.buffer}, rate); err != nil {
		return err
	}
	if !within {
		return fmt.Errorf("%s is more than level %s allows, though it was encoded with VBV", name, l.name)
	}
	e.Log.Warn().Str("level", l.name).Msg("the segment is beyond its VBV bound, and within its level: players may stall where it is joined to others")
	return nil
}

// vbvArgs turns on VBV in a command line. It changes nothing in the parameter sets.
func vbvArgs(args []string, bound vbv) []string {
	at := slices.Index(args, levelOption)
	return slices.Insert(slices.Clone(args), at,
		"-maxrate:v", strconv.Itoa(bound.rate)+"k", "-bufsize:v", strconv.Itoa(bound.buffer)+"k")
}

// startFill is how full x264 assumes the decoder's buffer to be when a segment begins.
const startFill = 0.9

// fits reports whether a file is within a bound.
func fits(dir, name string, bound vbv, rate msg.Rate) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return false, fmt.Errorf("check the bit rate of %s: %w", name, err)
	}
	if float64(8*info.Size()) <= startFill*1000*float64(bound.buffer) {
		return true, nil // all of it at once would fit
	}
	tracks, err := mp4.Read(filepath.Join(dir, name))
	if err != nil {
		return false, fmt.Errorf("check the bit rate of %s: %w", name, err)
	}
	return len(tracks) > 0 && inTime(tracks[0].Sizes, bound, rate), nil
}

// inTime reports whether packets of these sizes in bytes, one for each frame, reach a decoder in
// time through the bound's buffer.
func inTime(sizes []int64, bound vbv, rate msg.Rate) bool {
	buffer, perFrame := 1000*float64(bound.buffer), 1000*float64(bound.rate)/rate.Float()
	fill := startFill * buffer
	for _, bytes := range sizes {
		if fill -= 8 * float64(bytes); fill < 0 {
			return false
		}
		fill = min(buffer, fill+perFrame)
	}
	return true
}
