package ffmpeg

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Timing sums up the packets of one stream.
type Timing struct {
	// Packets counts the packets that are shown.
	Packets int
	// First is the time stamp of the first shown, in ticks.
	First int64
	// Gap is the distance between neighbours in order of presentation if all are equal, otherwise
	// 0.
	Gap int64
	// Uneven is the place of the first gap that differs from the first one; -1 when there is none.
	Uneven int
	// End is where the last packet ends, in ticks.
	End int64
	// Key is the time stamp of a keyframe near the middle, and KeyBefore that of the keyframe
	// before it, in ticks. They are equal when there are not two keyframes.
	Key, KeyBefore int64
}

// Packet is a packet that is shown. Its times are in ticks.
type Packet struct {
	PTS, Duration int64
	Key           bool
}

// Timing reads the time stamps of all packets of a stream. It decodes nothing.
func (t Tools) Timing(ctx context.Context, dir, name, formats string, stream int) (Timing, error) {
	var timing Timing
	err := t.Probe(ctx, dir, timingArgs(name, formats, stream), func(r io.Reader) (err error) {
		timing, err = parseTiming(r, maxPackets)
		return err
	})
	if err != nil {
		return Timing{}, fmt.Errorf("read the packets of %s: %w", name, err)
	}
	return timing, nil
}

func timingArgs(name, formats string, stream int) []string {
	return probe(name, formats, "-select_streams", strconv.Itoa(stream), "-show_entries", "packet=pts,dts,duration,flags", "-of", "compact=p=0")
}

// Decoded counts the packets of a stream between two time stamps, and the frames that are decoded
// from them. options are the decoder's.
func (t Tools) Decoded(
	ctx context.Context, dir, name, formats string, stream int, from, to time.Duration, options ...string,
) (packets, frames int, err error) {
	var counted struct {
		Streams []struct {
			Packets int `json:"nb_read_packets,string"`
			Frames  int `json:"nb_read_frames,string"`
		}
	}
	err = t.Probe(ctx, dir, decodedArgs(name, formats, stream, from, to, options), func(r io.Reader) error {
		return json.NewDecoder(io.LimitReader(r, maxInspect)).Decode(&counted)
	})
	if err == nil && len(counted.Streams) != 1 {
		err = fmt.Errorf("%d streams were counted", len(counted.Streams))
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count the frames of %s: %w", name, err)
	}
	return counted.Streams[0].Packets, counted.Streams[0].Frames, nil
}

func decodedArgs(name, formats string, stream int, from, to time.Duration, options []string) []string {
	return probe(name, formats, append([]string{
		"-select_streams", strconv.Itoa(stream), "-read_intervals", fmt.Sprintf("%f%%%f", from.Seconds(), to.Seconds()),
		"-count_packets", "-count_frames", "-show_entries", "stream=nb_read_packets,nb_read_frames", "-of", "json",
	}, options...)...)
}

// Length returns how long the stream is shown, from first to End, given its time base.
func (t Timing) Length(s Stream) time.Duration { return max(0, s.ticks(t.End-t.First)) }

// EndTime returns the time stamp at which the stream ends, given its time base.
func (t Timing) EndTime(s Stream) time.Duration { return s.ticks(t.End) }

// At returns the time of a time stamp in ticks.
func (s Stream) At(stamp int64) time.Duration { return s.ticks(stamp) }

// ticks returns how long n ticks of the stream last, 0 for absurd values.
func (s Stream) ticks(n int64) time.Duration {
	if s.TicksPerSecond <= 0 {
		return 0
	}
	seconds := float64(n) * float64(s.TickSpan) / float64(s.TicksPerSecond)
	if math.Abs(seconds) > 1e9 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// maxStamp keeps sums of time stamps from overflowing.
const maxStamp = 1 << 60

// maxPackets bounds how many packets are read: nine hours at 120 a second.
const maxPackets = 4 << 20

// ErrTooMany says that a stream has more packets than any file we work with.
var ErrTooMany = errors.New("too many packets")

func parseTiming(r io.Reader, most int) (Timing, error) {
	var packets []Packet
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var pts, dts, duration int64
		var hasPTS, hasDTS, discard, isKey bool
		for _, field := range strings.Split(lines.Text(), "|") {
			key, value, _ := strings.Cut(field, "=")
			n, err := strconv.ParseInt(value, 10, 64)
			ok := err == nil && n > -maxStamp && n < maxStamp
			switch {
			case key == "pts" && ok:
				pts, hasPTS = n, true
			case key == "dts" && ok:
				dts, hasDTS = n, true
			case key == "duration" && ok && n >= 0:
				duration = n
			case key == "flags":
				discard = strings.Contains(value, "D")
				isKey = strings.Contains(value, "K")
			}
		}
		if !hasPTS && hasDTS {
			pts, hasPTS = dts, true // AVI has only these
		}
		if hasPTS && !discard {
			if len(packets) == most {
				return Timing{}, ErrTooMany
			}
			packets = append(packets, Packet{pts, duration, isKey})
		}
	}
	if err := lines.Err(); err != nil {
		return Timing{}, err
	}
	return NewTiming(packets), nil
}

// NewTiming sums up packets. It sorts them by presentation time.
func NewTiming(packets []Packet) Timing {
	if len(packets) == 0 {
		return Timing{Uneven: -1}
	}
	slices.SortFunc(packets, func(a, b Packet) int { return int(min(max(a.PTS-b.PTS, -1), 1)) })
	var keys []int64
	for _, p := range packets {
		if p.Key {
			keys = append(keys, p.PTS)
		}
	}
	last := packets[len(packets)-1]
	timing := Timing{Packets: len(packets), First: packets[0].PTS, End: last.PTS + last.Duration, Uneven: -1}
	timing.KeyBefore, timing.Key = middleKeys(keys, timing.First/2+last.PTS/2)
	for i := 1; i < len(packets); i++ {
		gap := packets[i].PTS - packets[i-1].PTS
		if i == 1 {
			timing.Gap = gap
		}
		if gap != timing.Gap {
			timing.Gap, timing.Uneven = 0, i
			break
		}
	}
	return timing
}

// middleKeys returns the first of the keyframes, which are in order, at or after the middle, or the
// last one, and the one before it.
func middleKeys(keys []int64, middle int64) (before, key int64) {
	if len(keys) < 2 {
		return 0, 0
	}
	i, _ := slices.BinarySearch(keys, middle)
	i = min(max(i, 1), len(keys)-1)
	return keys[i-1], keys[i]
}
