package blank

import (
	"bytes"
	"image"
	"image/jpeg"
	"time"
)

const (
	// every is how often pictures are examined, in page time, as long as all were blank.
	every = 250 * time.Millisecond
	// threshold is by how much a sample must differ from the background to count: more than JPEG
	// changes an even colour.
	threshold = 12
	// A loading indicator may fill smallPart of the picture, or a square with sides of smallSide
	// pixels where that is more, up to smallMost of the picture.
	smallPart, smallSide, smallMost = 0.02, 160, 0.04
)

// Detector finds out whether all pictures of a scene are blank. The zero value is ready for use, by
// one goroutine.
type Detector struct {
	not        bool          // a picture was not blank
	examined   bool          // a picture was examined
	last       time.Duration // the time of that picture
	pending    []byte        // the last picture, if it was not examined
	background [3]uint8      // its colour: Y, Cb and Cr
	size       image.Point
	area       image.Rectangle // what differs from the background, in all pictures
}

// Area is a part of the window: left, top, right and bottom, as parts of its width and height.
type Area [4]float64

// See takes a JPEG picture that is shown from a page time on. It keeps the picture for a while.
func (d *Detector) See(jpeg []byte, at time.Duration) {
	if d.not {
		return
	}
	if d.examined && at-d.last < every {
		d.pending = jpeg
		return
	}
	d.examine(jpeg)
	d.examined, d.last, d.pending = true, at, nil
}

// Blank reports, after the last picture, whether all were blank, and in which area something small
// was.
func (d *Detector) Blank() (area Area, blank bool) {
	if !d.not && d.pending != nil {
		d.examine(d.pending)
	}
	if d.not || !d.examined {
		return area, false
	}
	w, h := float64(d.size.X), float64(d.size.Y)
	return Area{float64(d.area.Min.X) / w, float64(d.area.Min.Y) / h, float64(d.area.Max.X) / w, float64(d.area.Max.Y) / h}, true
}

// examine decodes a picture. One that cannot be decoded counts as not blank.
func (d *Detector) examine(picture []byte) {
	decoded, err := jpeg.Decode(bytes.NewReader(picture))
	planes, ok := decoded.(*image.YCbCr)
	if err != nil || !ok {
		d.not = true
		return
	}
	size := planes.Rect.Size()
	cw, ch := planes.CStride, len(planes.Cb)/max(1, planes.CStride)
	list := [3]plane{{planes.Y, planes.YStride, size.X, size.Y}, {planes.Cb, planes.CStride, cw, ch}, {planes.Cr, planes.CStride, cw, ch}}
	for i, p := range list {
		background := p.mode()
		if d.examined && differ(background, d.background[i]) {
			d.not = true
			return
		}
		d.background[i] = background
		d.area = d.area.Union(p.unlike(background, size))
	}
	d.size = size
	all := float64(size.X * size.Y)
	small := max(smallPart*all, min(smallMost*all, smallSide*smallSide))
	d.not = float64(d.area.Dx()*d.area.Dy()) > small
}

// plane is one of a picture's three: luma, or one of chroma, which may have fewer samples.
type plane struct {
	samples       []uint8
	stride        int
	width, height int
}

// mode returns the most frequent sample.
func (p plane) mode() (sample uint8) {
	var counts [256]int
	for y := range p.height {
		for _, s := range p.samples[y*p.stride : y*p.stride+p.width] {
			counts[s]++
		}
	}
	for s, n := range counts {
		if n > counts[sample] {
			sample = uint8(s)
		}
	}
	return sample
}

// unlike returns the rectangle, in a picture of a size, of all samples that differ from one.
func (p plane) unlike(sample uint8, size image.Point) (area image.Rectangle) {
	for y := range p.height {
		row := p.samples[y*p.stride : y*p.stride+p.width]
		first, last := -1, -1
		for x, s := range row {
			if differ(s, sample) {
				if first < 0 {
					first = x
				}
				last = x
			}
		}
		if first >= 0 {
			area = area.Union(image.Rect(first, y, last+1, y+1))
		}
	}
	sx, sy := (size.X+p.width-1)/p.width, (size.Y+p.height-1)/p.height
	area = image.Rect(area.Min.X*sx, area.Min.Y*sy, area.Max.X*sx, area.Max.Y*sy)
	return area.Intersect(image.Rectangle{Max: size})
}

func differ(a, b uint8) bool { return max(a, b)-min(a, b) > threshold }
