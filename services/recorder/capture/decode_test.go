package capture_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"os"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// decode returns every frame of a mezzanine, repeated ones repeated. Of larger ones it returns the
// top left corner. An ffmpeg for each recording would cost more than decoding does. That FFmpeg
// reads the same is tested beside the mezzanine, and in number_test.go.
func decode(t *testing.T, path string, rate msg.Rate, frames int) (pictures []picture) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	table := file
	for _, kind := range []string{"moov", "trak", "mdia", "minf", "stbl"} {
		table = box(t, table, kind)
	}
	const header = 8 // version, flags and the number of entries
	durations, sizes, offsets := box(t, table, "stts")[header:], box(t, table, "stsz")[header+4:], box(t, table, "co64")[header:]
	_, perFrame := rate.Timescale()
	for ; len(durations) > 0; durations = durations[8:] {
		for range binary.BigEndian.Uint32(durations) {
			at, size := binary.BigEndian.Uint64(offsets), uint64(binary.BigEndian.Uint32(sizes))
			sizes, offsets = sizes[4:], offsets[8:]
			luma := luma(t, file[at:at+size])
			for range binary.BigEndian.Uint32(durations[4:]) / uint32(perFrame) {
				pictures = append(pictures, luma)
			}
		}
	}
	if len(pictures) != frames {
		t.Fatalf("the mezzanine has %d frames, want %d", len(pictures), frames)
	}
	return pictures
}

// box returns the content of the first box of a kind.
func box(t *testing.T, boxes []byte, kind string) []byte {
	t.Helper()
	for len(boxes) >= 16 {
		head, size := uint64(8), uint64(binary.BigEndian.Uint32(boxes))
		if size == 1 {
			head, size = 16, binary.BigEndian.Uint64(boxes[8:])
		}
		if string(boxes[4:8]) == kind {
			return boxes[head:size]
		}
		boxes = boxes[size:]
	}
	t.Fatalf("the mezzanine has no %s", kind)
	return nil
}

func luma(t *testing.T, content []byte) picture {
	t.Helper()
	decoded, err := jpeg.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	of, ok := decoded.(*image.YCbCr)
	if !ok {
		t.Fatalf("a picture is a %T", decoded)
	}
	var p picture
	for y := range height {
		p = append(p, of.Y[y*of.YStride:][:width]...)
	}
	return p
}
