package transcoder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Of a file that the pipeline itself wrote, mp4 or QuickTime, little is needed that its boxes do not say at once.

// boxAt reads the head of the box at a place of a file: its kind, where its content begins, and where the next box is.
func boxAt(f io.ReaderAt, at int64) (kind string, begin, end int64, err error) {
	var head [16]byte
	n, err := f.ReadAt(head[:], at)
	if n < 8 {
		return "", 0, 0, err
	}
	size, begin := int64(binary.BigEndian.Uint32(head[:4])), at+8
	if size == 1 && n == 16 {
		size, begin = int64(binary.BigEndian.Uint64(head[8:])), at+16
	}
	if size < begin-at || size > math.MaxInt64-at {
		return "", 0, 0, fmt.Errorf("a box of %d bytes", size)
	}
	return string(head[4:8]), begin, at + size, nil
}

// findBox returns where the content of the first box of a kind begins, from a place of a file on.
func findBox(f io.ReaderAt, kind string, at int64) (int64, error) {
	for {
		is, begin, end, err := boxAt(f, at)
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("no box %s", kind)
		}
		if err != nil || is == kind {
			return begin, err
		}
		at = end
	}
}

// fastStart reports whether an mp4's index is before its media.
func fastStart(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	index, err := findBox(f, "moov", 0)
	if err != nil {
		return false, fmt.Errorf("read the index of %s: %w", filepath.Base(path), err)
	}
	media, err := findBox(f, "mdat", 0)
	if err != nil {
		return false, fmt.Errorf("read the index of %s: %w", filepath.Base(path), err)
	}
	return index < media, nil
}

// checkReach makes sure that a mezzanine lasts for all frames of its piece, the time included that its last picture stands for: the
// encoder would repeat that picture for what is missing, and nobody would notice.
func checkReach(path string, rate msg.Rate, frames int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lasts, err := length(f)
	if err != nil {
		return fmt.Errorf("read the index of %s: %w", filepath.Base(path), err)
	}
	if want := rate.At(frames); lasts < want-rate.At(1)/2 {
		return fmt.Errorf("%s lasts %s, want %s for %d frames", filepath.Base(path), lasts, want, frames)
	}
	return nil
}

// length is how long a file's index says that it lasts.
func length(f io.ReaderAt) (time.Duration, error) {
	index, err := findBox(f, "moov", 0)
	if err != nil {
		return 0, err
	}
	at, err := findBox(f, "mvhd", index)
	if err != nil {
		return 0, err
	}
	var b [32]byte // version and flags, two dates, ticks per second, ticks
	if _, err := f.ReadAt(b[:], at); err != nil {
		return 0, err
	}
	perSecond, ticks := binary.BigEndian.Uint32(b[12:]), uint64(binary.BigEndian.Uint32(b[16:]))
	if b[0] == 1 { // dates and ticks of 64 bits
		perSecond, ticks = binary.BigEndian.Uint32(b[20:]), binary.BigEndian.Uint64(b[24:])
	}
	seconds := float64(ticks) / float64(perSecond)
	if perSecond == 0 || seconds > 1e9 {
		return 0, fmt.Errorf("%d ticks, %d a second", ticks, perSecond)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
