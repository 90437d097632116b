package mezzanine

import "encoding/binary"

// The boxes are those of ISO/IEC 14496-12 and of the QuickTime File Format. Times are 64 bits wide
// (version 1).

// box returns a box with the given content.
func box(kind string, content ...[]byte) []byte {
	size := 8
	for _, c := range content {
		size += len(c)
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(size))
	b = append(b, kind...)
	for _, c := range content {
		b = append(b, c...)
	}
	return b
}

// full returns a box with version and flags.
func full(kind string, version byte, flags uint32, content ...[]byte) []byte {
	head := u32(uint32(version)<<24 | flags)
	return box(kind, append([][]byte{head}, content...)...)
}

func u16(v ...uint16) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

func u32(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

func u64(v ...uint64) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint64(b, x)
	}
	return b
}

func fileType() []byte { return box("ftyp", []byte("qt  "), u32(0x200), []byte("qt  ")) }

// matrix is the transformation that changes nothing.
var matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

func (m *Writer) index() []byte {
	perSecond, perFrame := m.format.Rate.Timescale()
	duration := uint64(m.frames) * uint64(perFrame)
	movie := full("mvhd", 1, 0,
		// no dates: the same frames are the same file
		u64(0, 0), u32(uint32(perSecond)), u64(duration),
		u32(0x10000), u16(0x100, 0), u64(0), matrix, make([]byte, 24), u32(2))
	header := full("tkhd", 1, 7, // enabled, in movie, in preview
		u64(0, 0), u32(1, 0), u64(duration), u64(0), u16(0, 0, 0, 0), matrix,
		u32(uint32(m.format.Width)<<16, uint32(m.format.Height)<<16))
	media := box("mdia",
		full("mdhd", 1, 0, u64(0, 0), u32(uint32(perSecond)), u64(duration), u16(0x55c4, 0)),
		full("hdlr", 0, 0, u32(0), []byte("vide"), u32(0, 0, 0), []byte{0}),
		box("minf",
			full("vmhd", 0, 1, u16(0, 0, 0, 0)),
			box("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1))),
			m.samples(uint32(perFrame))))
	return box("moov", movie, box("trak", header, media))
}

// samples is the table of pictures. Every picture is a sample, a chunk, and (there is no stss) a
// key frame.
func (m *Writer) samples(perFrame uint32) []byte {
	count := uint32(len(m.sizes))
	var durations []byte
	runs := uint32(0)
	for i := 0; i < len(m.shown); runs++ {
		n := i
		for n < len(m.shown) && m.shown[n] == m.shown[i] {
			n++
		}
		durations = append(durations, u32(uint32(n-i), m.shown[i]*perFrame)...)
		i = n
	}
	offsets := make([]uint64, len(m.offsets))
	for i, o := range m.offsets {
		offsets[i] = uint64(o)
	}
	return box("stbl",
		full("stsd", 0, 0, u32(1), m.description()),
		full("stts", 0, 0, u32(runs), durations),
		full("stsc", 0, 0, u32(1, 1, 1, 1)),
		full("stsz", 0, 0, u32(0, count), u32(m.sizes...)),
		full("co64", 0, 0, u32(count), u64(offsets...)))
}

// description says that the pictures are JPEG: full range, BT.601's matrix, sRGB's primaries and
// transfer.
func (m *Writer) description() []byte {
	name := make([]byte, 32)
	name[0] = byte(copy(name[1:], "Photo - JPEG"))
	return box("jpeg",
		make([]byte, 6), u16(1), // data reference
		u16(0, 0), u32(0, 0, 1023), // version, revision, vendor, quality
		u16(uint16(m.format.Width), uint16(m.format.Height)),
		u32(72<<16, 72<<16, 0), u16(1), // dots per inch, data size, frames per sample
		name, u16(24, 0xffff), // depth, no colour table
		box("colr", []byte("nclx"), u16(1, 13, 6), []byte{0x80}),
		box("pasp", u32(1, 1)))
}
