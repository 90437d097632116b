package mezzanine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Format is what all frames of a file have in common.
type Format struct {
	// Width and Height in pixels, at most 65535.
	Width, Height int
	Rate          msg.Rate
	// MaxBytes bounds the file, index included. 0: no bound.
	MaxBytes int64
}

var errFirst = errors.New("a first frame cannot repeat another")

// ErrTooLarge says that a file would be larger than Format.MaxBytes.
var ErrTooLarge = errors.New("the mezzanine is too large")

// The index takes at most this much, and this much for each picture.
const (
	indexBase       = 1 << 10
	indexPerPicture = 8 + 4 + 8 // its length, its size, its place
)

// Writer writes one file.
type Writer struct {
	w      io.WriteSeeker
	format Format

	offset  int64 // where the next picture goes
	begin   int64 // where mdat begins
	last    []byte
	frames  int
	sizes   []uint32
	offsets []int64
	shown   []uint32 // how many frames each picture is shown for
}

// New starts a file in w. The caller must call Close, and closes w itself.
func New(w io.WriteSeeker, format Format) (*Writer, error) {
	switch {
	case format.Width < 1 || format.Width > math.MaxUint16 || format.Height < 1 || format.Height > math.MaxUint16:
		return nil, fmt.Errorf("mezzanine of %d×%d pixels", format.Width, format.Height)
	case !format.Rate.Valid():
		return nil, fmt.Errorf("mezzanine at %s frames per second", format.Rate)
	}
	m := &Writer{w: w, format: format}
	head := fileType()
	m.begin = int64(len(head))
	head = append(head, mediaDataHeader(0)...)
	m.offset = int64(len(head))
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("write mezzanine: %w", err)
	}
	return m, nil
}

// Frame adds a frame and reports whether its picture differs from the last frame's. It keeps jpeg.
// It returns ErrTooLarge if the picture no longer fits.
func (m *Writer) Frame(jpeg []byte) (changed bool, err error) {
	if len(m.sizes) > 0 && bytes.Equal(jpeg, m.last) {
		return false, m.Repeat()
	}
	return true, m.add(jpeg)
}

// add adds a frame with a picture of its own.
func (m *Writer) add(jpeg []byte) error {
	if len(jpeg) == 0 || len(jpeg) > math.MaxInt32 {
		return fmt.Errorf("a picture of %d bytes", len(jpeg))
	}
	size := m.offset + int64(len(jpeg)) + indexBase + indexPerPicture*int64(len(m.sizes)+1)
	if limit := m.format.MaxBytes; limit > 0 && size > limit {
		return fmt.Errorf("frame %d: %w: more than %d bytes", m.frames, ErrTooLarge, limit)
	}
	if _, err := m.w.Write(jpeg); err != nil {
		return fmt.Errorf("write mezzanine: %w", err)
	}
	m.sizes = append(m.sizes, uint32(len(jpeg)))
	m.offsets = append(m.offsets, m.offset)
	m.shown = append(m.shown, 1)
	m.offset += int64(len(jpeg))
	m.last = jpeg
	m.frames++
	return nil
}

// Repeat adds a frame that equals the last one.
func (m *Writer) Repeat() error {
	if len(m.shown) == 0 {
		return errFirst
	}
	m.shown[len(m.shown)-1]++
	m.frames++
	return nil
}

// Frames returns how many frames there are so far.
func (m *Writer) Frames() int { return m.frames }

// Close writes the index and returns what the file holds. It does not close the underlying file.
func (m *Writer) Close() (msg.RecordFacts, error) {
	if m.frames == 0 {
		return msg.RecordFacts{}, errors.New("a mezzanine without frames")
	}
	index := m.index()
	if _, err := m.w.Write(index); err != nil {
		return msg.RecordFacts{}, fmt.Errorf("write mezzanine's index: %w", err)
	}
	if _, err := m.w.Seek(m.begin, io.SeekStart); err != nil {
		return msg.RecordFacts{}, fmt.Errorf("write mezzanine's length: %w", err)
	}
	if _, err := m.w.Write(mediaDataHeader(m.offset - m.begin)); err != nil {
		return msg.RecordFacts{}, fmt.Errorf("write mezzanine's length: %w", err)
	}
	return msg.RecordFacts{Frames: m.frames, Distinct: len(m.sizes), Bytes: m.offset + int64(len(index))}, nil
}

// mediaDataHeader is the header of mdat with a 64-bit size, which is known only at the end.
func mediaDataHeader(size int64) []byte {
	b := append([]byte{0, 0, 0, 1}, "mdat"...)
	return binary.BigEndian.AppendUint64(b, uint64(size))
}
