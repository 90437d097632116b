package bubble

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
)

const (
	// drop is how far the shadow falls, as a share of its reach.
	drop = 0.35
	// darkness is the shadow's opacity at the ring.
	darkness = 0.3
	// ringLevel is the ring's grey: white, but not a hole in the picture.
	ringLevel = 0.96
)

// Mask draws how much the padded square covers the scene: 255 covers it, 0 leaves it.
func Mask(p Place) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, p.Size(), p.Size()))
	each(p, func(x, y int, s sample) {
		img.SetGray(x, y, color.Gray{Y: level(s.cover())})
	})
	return img
}

// Plate draws the ring and the shadow's colour, with a round hole where the face shows.
func Plate(p Place) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, p.Size(), p.Size()))
	each(p, func(x, y int, s sample) {
		grey := 0.0
		if cover := s.cover(); cover > 0 {
			grey = ringLevel * s.disc / cover
		}
		v := level(grey)
		img.SetNRGBA(x, y, color.NRGBA{R: v, G: v, B: v, A: level(1 - s.face)})
	})
	return img
}

// sample is how much of one pixel the three shapes cover, from 0 to 1.
type sample struct {
	face, disc, shadow float64 // disc is the face and its ring
}

// cover is that of the disc laid over its shadow.
func (s sample) cover() float64 { return s.disc + s.shadow*(1-s.disc) }

func each(p Place, do func(x, y int, s sample)) {
	centre := float64(p.Size()) / 2
	face := float64(p.Face) / 2
	disc := face + p.Ring
	for y := range p.Size() {
		for x := range p.Size() {
			dx, dy := float64(x)+0.5-centre, float64(y)+0.5-centre
			distance := math.Hypot(dx, dy)
			beyond := (math.Hypot(dx, dy-drop*p.Shadow) - disc) / p.Shadow
			do(x, y, sample{
				face:   edge(face - distance),
				disc:   edge(disc - distance),
				shadow: darkness * fade(beyond),
			})
		}
	}
}

// edge is how much of a pixel lies inside a shape whose border is inside pixels away: an antialiased edge.
func edge(inside float64) float64 { return min(max(inside+0.5, 0), 1) }

// fade goes from 1 at 0 to 0 at 1, softly at both ends.
func fade(t float64) float64 {
	t = min(max(t, 0), 1)
	return 1 - t*t*(3-2*t)
}

func level(v float64) uint8 { return uint8(math.Round(255 * min(max(v, 0), 1))) }

// Write writes an image as a PNG file.
func Write(path string, img image.Image) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write a picture of the bubble: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("write a picture of the bubble: %w", e)
		}
	}()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("write a picture of the bubble: %w", err)
	}
	return nil
}
