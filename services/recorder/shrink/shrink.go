// Package shrink makes small JPEGs of large ones.
package shrink

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"golang.org/x/image/draw"
)

// ErrLarge says that a picture needs more bytes than it may have, whatever its quality.
var ErrLarge = errors.New("the picture does not fit")

// Picture is a small picture.
type Picture struct {
	JPEG          []byte
	Width, Height int
}

// To returns a JPEG that is no larger than width × height pixels and bytes. It keeps its shape. One
// that is smaller keeps its size.
func To(large []byte, width, height, bytesMost int) (Picture, error) {
	decoded, err := jpeg.Decode(bytes.NewReader(large))
	if err != nil {
		return Picture{}, fmt.Errorf("shrink a picture: %w", err)
	}
	size := fit(decoded.Bounds().Size(), width, height)
	small := image.NewRGBA(image.Rectangle{Max: size})
	draw.ApproxBiLinear.Scale(small, small.Rect, decoded, decoded.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	for _, quality := range []int{80, 60, 40, 20} {
		out.Reset()
		if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
			return Picture{}, fmt.Errorf("shrink a picture: %w", err)
		}
		if out.Len() <= bytesMost {
			return Picture{out.Bytes(), size.X, size.Y}, nil
		}
	}
	return Picture{}, fmt.Errorf("shrink a picture to %d bytes: %w", bytesMost, ErrLarge)
}

// fit returns the largest size of a picture's shape within width × height, and no larger than the
// picture.
func fit(size image.Point, width, height int) image.Point {
	scale := min(1, float64(width)/float64(size.X), float64(height)/float64(size.Y))
	return image.Pt(max(1, int(float64(size.X)*scale+0.5)), max(1, int(float64(size.Y)*scale+0.5)))
}
