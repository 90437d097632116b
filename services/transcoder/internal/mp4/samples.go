package mp4

import (
	"errors"
	"fmt"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// maxSamples bounds a track: it is what Tools.Timing takes, too.
const maxSamples = 4 << 20

// samples reads the tables of a track: the time stamps and sizes of its samples, each of which must lie within the file.
func samples(table box, length int64) ([]ffmpeg.Packet, []int64, error) {
	sizes, err := readSizes(table)
	if err != nil {
		return nil, nil, err
	}
	if err := checkPlaces(table, sizes, length); err != nil {
		return nil, nil, err
	}
	packets := make([]ffmpeg.Packet, len(sizes))
	n, at := 0, int64(0)
	err = runs(table, "stts", func(count int64, c *cursor) error {
		lasts := c.u32()
		if count > int64(len(packets)-n) {
			return errors.New("more times than samples")
		}
		for range count {
			packets[n] = ffmpeg.Packet{PTS: at, Duration: lasts}
			n, at = n+1, at+lasts
		}
		return nil
	})
	if err == nil && n < len(packets) {
		err = errors.New("fewer times than samples")
	}
	if err != nil || !table.has("ctts") {
		return packets, sizes, err
	}
	n = 0
	err = runs(table, "ctts", func(count int64, c *cursor) error {
		later := c.s32()
		if count > int64(len(packets)-n) {
			return errors.New("more times of showing than samples")
		}
		for range count {
			packets[n].PTS += later
			n++
		}
		return nil
	})
	if err == nil && n < len(packets) {
		err = errors.New("fewer times of showing than samples")
	}
	return packets, sizes, err
}

// runs calls each for every entry of a table whose entries begin with how many samples they are for.
func runs(table box, kind string, each func(count int64, c *cursor) error) error {
	content, err := table.child(kind)
	if err != nil {
		return err
	}
	c := cursor{rest: content}
	c.version()
	for n := c.u32(); n > 0 && c.err == nil; n-- {
		if err := each(c.u32(), &c); err != nil {
			return err
		}
	}
	return c.err
}

func readSizes(table box) ([]int64, error) {
	content, err := table.child("stsz")
	if err != nil {
		return nil, err
	}
	c := cursor{rest: content}
	c.version()
	same, count := c.u32(), c.u32()
	if c.err != nil || count > maxSamples || same == 0 && 4*count > int64(len(c.rest)) {
		return nil, fmt.Errorf("a table of the sizes of %d samples", count)
	}
	sizes := make([]int64, count)
	for i := range sizes {
		if sizes[i] = same; same == 0 {
			sizes[i] = c.u32()
		}
	}
	return sizes, nil
}

// checkPlaces makes sure that all samples are in the file, whose chunks of samples are listed.
func checkPlaces(table box, sizes []int64, length int64) error {
	var places []int64
	kind, width := "stco", 0
	if table.has("co64") {
		kind, width = "co64", 1
	}
	content, err := table.child(kind)
	if err != nil {
		return err
	}
	c := cursor{rest: content}
	c.version()
	for n := c.u32(); n > 0 && c.err == nil; n-- {
		places = append(places, c.wide(int64(width)))
	}
	if c.err != nil {
		return c.err
	}
	if content, err = table.child("stsc"); err != nil {
		return err
	}
	c = cursor{rest: content}
	c.version()
	entries := c.u32()
	chunk, each, next := 0, int64(0), 0 // next is the first sample that has no place yet
	place := func(until int) error {
		for ; chunk < until; chunk++ {
			if each > int64(len(sizes)-next) {
				return errors.New("chunks of more samples than there are")
			}
			end := places[chunk]
			for _, size := range sizes[next : next+int(each)] {
				end += size
			}
			if end > length {
				return fmt.Errorf("samples up to byte %d of %d", end, length)
			}
			next += int(each)
		}
		return nil
	}
	for ; entries > 0 && c.err == nil; entries-- {
		first := c.u32()
		if c.err != nil || first < 1 || first > int64(len(places)) || int(first)-1 < chunk {
			return errors.New("a table of chunks that cannot be read")
		}
		if err := place(int(first) - 1); err != nil {
			return err
		}
		each = c.u32()
		c.skip(4)
	}
	if c.err != nil {
		return c.err
	}
	if err := place(len(places)); err != nil {
		return err
	}
	if next != len(sizes) {
		return fmt.Errorf("%d of %d samples have a place", next, len(sizes))
	}
	return nil
}
