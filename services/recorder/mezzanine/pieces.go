package mezzanine

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Pieces writes a scene into one file after another. Each is complete, and may be read, while the
// next is being written.
type Pieces struct {
	// Format is that of every piece.
	Format Format
	// Frames of each piece, in order.
	Frames []int
	// Path names the file of the piece at place i, which must not exist.
	Path func(i int) string
	// Done is called when the piece at place i is complete. It may be nil.
	Done func(i int)

	piece    int // the one that is written
	file     *os.File
	writer   *Writer // nil between pieces
	last     []byte
	recorded msg.RecordFacts // in all pieces
}

// Frame adds a frame and reports whether its picture differs from the last frame's. It keeps jpeg.
// It returns ErrTooLarge if the picture no longer fits into its piece.
func (p *Pieces) Frame(jpeg []byte) (changed bool, err error) {
	if p.recorded.Frames > 0 && bytes.Equal(jpeg, p.last) {
		return false, p.Repeat()
	}
	if err := p.open(); err != nil {
		return false, err
	}
	if err := p.writer.add(jpeg); err != nil {
		return false, err
	}
	p.last = jpeg
	p.recorded.Distinct++
	return true, p.added()
}

// Repeat adds a frame that equals the last one.
func (p *Pieces) Repeat() error {
	if p.recorded.Frames == 0 {
		return errFirst
	}
	if err := p.open(); err != nil {
		return err
	}
	repeat := p.writer.Repeat
	if p.writer.Frames() == 0 {
		repeat = func() error { return p.writer.add(p.last) }
	}
	if err := repeat(); err != nil {
		return err
	}
	return p.added()
}

// Recorded returns how many frames there are so far.
func (p *Pieces) Recorded() int { return p.recorded.Frames }

// open begins a piece, unless one is begun.
func (p *Pieces) open() (err error) {
	if p.writer != nil {
		return nil
	}
	if p.piece == len(p.Frames) {
		return fmt.Errorf("a frame after the last of %d", p.recorded.Frames)
	}
	p.file, err = os.OpenFile(p.Path(p.piece), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create the mezzanine: %w", err)
	}
	if p.writer, err = New(p.file, p.Format); err != nil {
		return errors.Join(err, p.file.Close())
	}
	return nil
}

// added counts a frame, and ends the piece with its last.
func (p *Pieces) added() error {
	p.recorded.Frames++
	if p.writer.Frames() < p.Frames[p.piece] {
		return nil
	}
	facts, err := p.writer.Close()
	p.recorded.Bytes += facts.Bytes
	p.writer = nil
	if err := errors.Join(err, p.file.Close()); err != nil {
		return err
	}
	p.piece++
	if p.Done != nil {
		p.Done(p.piece - 1)
	}
	return nil
}

// Close ends the writing and returns what the pieces hold. It returns an error if they are not
// complete.
func (p *Pieces) Close() (msg.RecordFacts, error) {
	if p.writer != nil {
		p.writer = nil
		if err := p.file.Close(); err != nil {
			return msg.RecordFacts{}, fmt.Errorf("write mezzanine: %w", err)
		}
	}
	if p.piece < len(p.Frames) {
		return msg.RecordFacts{}, fmt.Errorf("%d frames end in piece %d of %d", p.recorded.Frames, p.piece+1, len(p.Frames))
	}
	return p.recorded, nil
}
