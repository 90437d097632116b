package mediatest

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"image"
	"image/jpeg"
	"slices"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Mezzanine makes a scene as a recorder does: JPEG frames in QuickTime, each at its exact time, the
// last one lasting until the scene's end. keep says which frames are stored, the first among them;
// nil stores all. It starts no process, so that tests may have as many scenes as they like.
func Mezzanine(t *testing.T, rate msg.Rate, count, width, height int, paint Picture, keep func(n int) bool) []byte {
	t.Helper()
	perSecond, perFrame := rate.Timescale()
	var pictures, sizes, offsets, durations []byte
	stored, rgb := uint32(0), make([]byte, 3*width*height)
	head := slices.Concat(qtBox("ftyp", []byte("qt  "), be32(0x200), []byte("qt  ")), be32(0), []byte("mdat"))
	for n := range count {
		clear(rgb)
		paint(n, rgb, width, height)
		if keep != nil && !keep(n) {
			// The picture before lasts longer.
			at := len(durations) - 4
			binary.BigEndian.PutUint32(durations[at:], binary.BigEndian.Uint32(durations[at:])+uint32(perFrame))
			continue
		}
		jpeg := photo(t, rgb, width, height)
		offsets = append(offsets, be32(uint32(len(head)+len(pictures)))...)
		sizes = append(sizes, be32(uint32(len(jpeg)))...)
		durations = append(durations, be32(1, uint32(perFrame))...)
		pictures = append(pictures, jpeg...)
		stored++
	}
	binary.BigEndian.PutUint32(head[len(head)-8:], uint32(8+len(pictures)))
	length := uint32(count * perFrame)
	matrix := be32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30)
	// 72 dots per inch, one frame a sample, no name, a depth of 24 bits, no table of colours.
	entry := qtBox("jpeg", make([]byte, 6), be16(1), make([]byte, 16), be16(uint16(width), uint16(height)),
		be32(72<<16, 72<<16, 0), be16(1), make([]byte, 32), be16(24, 0xffff))
	table := qtBox("stbl", qtBox("stsd", be32(0, 1), entry), qtBox("stts", be32(0, stored), durations), qtBox("stsc", be32(0, 1, 1, 1, 1)),
		qtBox("stsz", be32(0, 0, stored), sizes), qtBox("stco", be32(0, stored), offsets))
	media := qtBox("mdia", qtBox("mdhd", be32(0, 0, 0, uint32(perSecond), length, 0x55c4<<16)),
		qtBox("hdlr", be32(0, 0), []byte("vide"), make([]byte, 13)),
		qtBox("minf", qtBox("vmhd", be32(1, 0, 0)), qtBox("dinf", qtBox("dref", be32(0, 1), qtBox("url ", be32(1)))), table))
	track := qtBox("tkhd", be32(7, 0, 0, 1, 0, length, 0, 0, 0, 0), matrix, be32(uint32(width)<<16, uint32(height)<<16))
	movie := qtBox("mvhd", be32(0, 0, 0, uint32(perSecond), length, 1<<16, 1<<24, 0, 0), matrix, make([]byte, 24), be32(2))
	return slices.Concat(head, pictures, qtBox("moov", movie, qtBox("trak", track, media)))
}

// photos holds the JPEGs of all pictures so far, by their pixels: most tests show the same ones.
var (
	photos    sync.Map // of []byte by photoKey
	photoSeed = maphash.MakeSeed()
)

type photoKey struct {
	width, height int
	pixels        uint64
}

// photo encodes a picture as JPEG.
func photo(t *testing.T, rgb []byte, width, height int) []byte {
	t.Helper()
	key := photoKey{width, height, maphash.Bytes(photoSeed, rgb)}
	if known, ok := photos.Load(key); ok {
		return known.([]byte)
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = rgb[3*i], rgb[3*i+1], rgb[3*i+2], 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	photos.Store(key, b.Bytes())
	return b.Bytes()
}

// qtBox makes a box of a QuickTime file.
func qtBox(kind string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(be32(uint32(8+len(body))), []byte(kind), body)
}

func be16(values ...uint16) (out []byte) {
	for _, v := range values {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	return out
}

func be32(values ...uint32) (out []byte) {
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}
