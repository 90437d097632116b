package mp4

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// sps is what H.264's sequence parameter set says of all pictures.
type sps struct {
	width, height               int
	colourRange                 string
	primaries, transfer, matrix int
}

// unspecified is what the numbers of colours call those that nobody has named.
const unspecified = 2

// colourName is FFmpeg's name of the colours that we write, and the number of others.
func colourName(n int) string {
	switch n {
	case 1:
		return "bt709"
	case unspecified:
		return "unknown"
	}
	return strconv.Itoa(n)
}

// firstSet returns the one sequence parameter set of a decoder's configuration.
func firstSet(configuration box) ([]byte, error) {
	c := cursor{rest: configuration}
	c.skip(5)
	if n := c.u8() & 0x1f; n != 1 {
		return nil, fmt.Errorf("%d sequence parameter sets", n)
	}
	set := c.bytes(c.u16())
	if c.err != nil || len(set) < 4 || set[0]&0x1f != 7 {
		return nil, errors.New("no sequence parameter set")
	}
	// What must not look like the start of something has a 3 put into it.
	return bytes.ReplaceAll(set[1:], []byte{0, 0, 3}, []byte{0, 0}), nil
}

// high is the profile that we encode in: it begins with what only it and those above have.
const high = 100

func parseSPS(set []byte) (sps, error) {
	b := bits{data: set}
	if profile := b.read(8); profile != high {
		return sps{}, fmt.Errorf("profile %d", profile)
	}
	b.read(16)
	b.golomb()
	if chroma, luma, colour := b.golomb(), b.golomb(), b.golomb(); chroma != 1 || luma != 0 || colour != 0 {
		return sps{}, errors.New("pictures that are not 4:2:0 of 8 bits")
	}
	if b.read(1); b.read(1) != 0 {
		return sps{}, errors.New("scaling matrices")
	}
	b.golomb()
	switch order := b.golomb(); order {
	case 0:
		b.golomb()
	case 2:
	default:
		return sps{}, fmt.Errorf("pictures in an order of type %d", order)
	}
	b.golomb()
	b.read(1)
	across, down := b.golomb()+1, b.golomb()+1
	if b.read(1) != 1 {
		return sps{}, errors.New("pictures of fields")
	}
	b.read(1)
	s := sps{width: 16 * across, height: 16 * down, colourRange: "unknown", primaries: unspecified, transfer: unspecified, matrix: unspecified}
	if b.read(1) == 1 { // in pairs of pixels
		s.width -= 2 * (b.golomb() + b.golomb())
		s.height -= 2 * (b.golomb() + b.golomb())
	}
	if b.read(1) == 1 {
		if err := s.usability(&b); err != nil {
			return sps{}, err
		}
	}
	if b.err == nil && (s.width < 1 || s.height < 1) {
		return sps{}, fmt.Errorf("%d×%d pixels", s.width, s.height)
	}
	return s, b.err
}

// usability reads the shape of pixels and the colours.
func (s *sps) usability(b *bits) error {
	if b.read(1) == 1 {
		if shape := b.read(8); shape > 1 { // 0 is not said, 1 is square
			return fmt.Errorf("pixels of shape %d", shape)
		}
	}
	if b.read(1) == 1 {
		b.read(1)
	}
	if b.read(1) == 0 {
		return nil
	}
	b.read(3)
	s.colourRange = [...]string{"tv", "pc"}[b.read(1)]
	if b.read(1) == 1 {
		s.primaries, s.transfer, s.matrix = b.read(8), b.read(8), b.read(8)
	}
	return nil
}

// bits reads numbers of some bits. What is behind the end reads as 0, and sets err.
type bits struct {
	data []byte
	at   int
	err  error
}

func (b *bits) read(n int) (v int) {
	for range n {
		if b.at >= 8*len(b.data) {
			b.err = errCut
			return 0
		}
		v = v<<1 | int(b.data[b.at/8]>>(7-b.at%8)&1)
		b.at++
	}
	return v
}

// golomb reads a number in Exp-Golomb's code.
func (b *bits) golomb() int {
	zeros := 0
	for ; b.read(1) == 0; zeros++ {
		if b.err != nil || zeros > 20 {
			b.err = errCut
			return 0
		}
	}
	return 1<<zeros - 1 + b.read(zeros)
}
