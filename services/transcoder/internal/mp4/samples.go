package mp4

import (
	"errors"
	"fmt"
	"math"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// maxSamples bounds a track, as Tools.Timing does.
const maxSamples = 4 << 20

// samples returns the times of a track's samples, each of which must lie within the file's length
// in bytes.
func samples(trak *mp4.TrakBox, length int64) ([]ffmpeg.Packet, error) {
	table := trak.Mdia.Minf.Stbl
	if table.Stsz == nil || table.Stts == nil || table.Stsc == nil {
		return nil, errors.New("its samples are not listed")
	}
	count := int(table.Stsz.GetNrSamples())
	if count == 0 || count > maxSamples {
		return nil, fmt.Errorf("it has %d samples", count)
	}
	ranges, err := trak.GetRangesForSampleInterval(1, uint32(count))
	if err != nil {
		return nil, fmt.Errorf("find its samples: %w", err)
	}
	for _, r := range ranges {
		if end := r.Offset + r.Size; end > uint64(length) {
			return nil, fmt.Errorf("its samples go up to byte %d of %d", end, length)
		}
	}
	packets := make([]ffmpeg.Packet, 0, count)
	at := int64(0)
	for i, n := range table.Stts.SampleCount {
		if int(n) > count-len(packets) {
			return nil, errors.New("it has more times than samples")
		}
		lasts := int64(table.Stts.SampleTimeDelta[i])
		for range n {
			packets = append(packets, ffmpeg.Packet{PTS: at, Duration: lasts})
			at += lasts
		}
	}
	if len(packets) < count {
		return nil, errors.New("it has fewer times than samples")
	}
	return packets, later(table.Ctts, packets)
}

// later adds to each packet by how much it is shown later than it is decoded.
func later(table *mp4.CttsBox, packets []ffmpeg.Packet) error {
	if table == nil {
		return nil
	}
	n := 0
	for i := range table.NrSampleCount() {
		for range table.SampleCount(i) {
			if n == len(packets) {
				return errors.New("it has more times of showing than samples")
			}
			packets[n].PTS += int64(table.SampleOffset[i])
			n++
		}
	}
	if n < len(packets) {
		return errors.New("it has fewer times of showing than samples")
	}
	return nil
}

// edit is the part of a track that is shown, in its ticks.
type edit struct{ from, lasts int64 }

// of returns the packets that are shown, with times from the start of the edit.
func (e edit) of(packets []ffmpeg.Packet) []ffmpeg.Packet {
	var shown []ffmpeg.Packet
	for _, p := range packets {
		if p.PTS -= e.from; p.PTS >= 0 && p.PTS < e.lasts {
			shown = append(shown, p)
		}
	}
	return shown
}

func readEdit(box *mp4.EdtsBox, movieTicks, ticks int64) (edit, error) {
	e := edit{lasts: math.MaxInt64}
	if box == nil || len(box.Elst) == 0 {
		return e, nil
	}
	if n := len(box.Elst[0].Entries); len(box.Elst) != 1 || n != 1 {
		return e, fmt.Errorf("it has %d edits", n)
	}
	only := box.Elst[0].Entries[0]
	if only.MediaTime < 0 || only.MediaRateInteger != 1 || only.MediaRateFraction != 0 || only.SegmentDuration > math.MaxInt32 {
		return e, errors.New("its edit does more than cut")
	}
	e.from = only.MediaTime
	if only.SegmentDuration > 0 {
		e.lasts = (int64(only.SegmentDuration)*ticks + movieTicks/2) / movieTicks
	}
	return e, nil
}
