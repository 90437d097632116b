package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// maxIndex bounds an index in bytes: four hours at 120 frames a second have a quarter of it.
const maxIndex = 128 << 20

// Read returns a file's tracks, in order.
func Read(path string) ([]Track, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var index []byte
	err = top(f, info.Size(), func(kind string, at, size int64) (stop bool, err error) {
		switch {
		case kind == "moof":
			return true, errors.New("it is in fragments")
		case kind != "moov":
			return false, nil
		case size > maxIndex:
			return true, fmt.Errorf("an index of %d bytes", size)
		}
		index = make([]byte, size)
		_, err = f.ReadAt(index, at)
		return false, err
	})
	if err != nil {
		return nil, err
	}
	if index == nil {
		return nil, errors.New("it has no index")
	}
	return parse(index, info.Size())
}

// FastStart reports whether a file's index is before its media.
func FastStart(path string) (first bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	found := false
	err = top(f, info.Size(), func(kind string, _, _ int64) (stop bool, err error) {
		found, first = kind == "moov" || kind == "mdat", kind == "moov"
		return found, nil
	})
	if err == nil && !found {
		err = errors.New("it has no index")
	}
	return first, err
}

// top calls each with the kind of every box of a file, and where its content begins and how long it is, until it says stop.
func top(f io.ReaderAt, length int64, each func(kind string, at, size int64) (stop bool, err error)) error {
	for at := int64(0); at < length; {
		var head [16]byte
		n, err := f.ReadAt(head[:min(16, length-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		size, header := int64(binary.BigEndian.Uint32(head[:])), int64(8)
		if size == 1 {
			size, header = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if int64(n) < header || size < header || size > length-at {
			return fmt.Errorf("a box of %d bytes, %d before the end", size, length-at)
		}
		if stop, err := each(string(head[4:8]), at+header, size-header); stop || err != nil {
			return err
		}
		at += size
	}
	return nil
}

// box is the content of one.
type box []byte

// children calls each with the boxes within a box.
func (b box) children(each func(kind string, content box) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errCut
		}
		size := int64(binary.BigEndian.Uint32(b))
		if size < 8 || size > int64(len(b)) {
			return errCut
		}
		if err := each(string(b[4:8]), b[8:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// child returns the one box of a kind along a path of boxes.
func (b box) child(path ...string) (box, error) {
	for _, wanted := range path {
		var found box
		err := b.children(func(kind string, content box) error {
			if kind != wanted {
				return nil
			}
			if found != nil {
				return fmt.Errorf("two boxes %s", kind)
			}
			found = content
			return nil
		})
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, fmt.Errorf("no box %s", wanted)
		}
		b = found
	}
	return b, nil
}

// has reports whether there is a child of a kind.
func (b box) has(kind string) bool {
	found := false
	_ = b.children(func(k string, _ box) error {
		found = found || k == kind
		return nil
	})
	return found
}

var errCut = errors.New("a box that is cut off")

// cursor reads numbers from a box, one after the other. What is behind its end reads as 0, and sets err.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) bytes(n int) []byte {
	if n > len(c.rest) || n < 0 {
		c.err, c.rest = errCut, nil
		return make([]byte, min(max(n, 0), 8))
	}
	part := c.rest[:n]
	c.rest = c.rest[n:]
	return part
}

func (c *cursor) skip(n int)     { c.bytes(n) }
func (c *cursor) u8() int        { return int(c.bytes(1)[0]) }
func (c *cursor) u16() int       { return int(binary.BigEndian.Uint16(c.bytes(2))) }
func (c *cursor) u32() int64     { return int64(binary.BigEndian.Uint32(c.bytes(4))) }
func (c *cursor) s32() int64     { return int64(int32(binary.BigEndian.Uint32(c.bytes(4)))) }
func (c *cursor) kind() string   { return string(c.bytes(4)) }
func (c *cursor) version() int64 { return c.u32() >> 24 } // and flags

// wide reads a number of 32 bits, or of 64 in boxes of version 1.
func (c *cursor) wide(version int64) int64 {
	if version == 0 {
		return c.u32()
	}
	v := binary.BigEndian.Uint64(c.bytes(8))
	if v > math.MaxInt64/2 {
		c.err = fmt.Errorf("a number as large as %d", v)
		return 0
	}
	return int64(v)
}
