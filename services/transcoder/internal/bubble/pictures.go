package bubble

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"sync"
)

// Pictures holds the plate and the mask that were drawn last: all segments of a render have the
// same. The zero value is empty.
type Pictures struct {
	mu            sync.Mutex
	shape         Shape
	width, height int
	plate, mask   []byte
}

// Write writes a bubble's plate and mask, of width × height pixels, as PNG files. A nil p draws
// them each time.
func (p *Pictures) Write(s Shape, width, height int, plate, mask string) error {
	if p == nil {
		p = new(Pictures)
	}
	drawnPlate, drawnMask, err := p.drawn(s, width, height)
	if err != nil {
		return err
	}
	for path, data := range map[string][]byte{plate: drawnPlate, mask: drawnMask} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("write a picture of the bubble: %w", err)
		}
	}
	return nil
}

// drawn returns both pictures as PNG. The caller must not change them.
func (p *Pictures) drawn(s Shape, width, height int) (plate, mask []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plate == nil || p.shape != s || p.width != width || p.height != height {
		err = p.draw(s, width, height)
	}
	return p.plate, p.mask, err
}

func (p *Pictures) draw(s Shape, width, height int) error {
	var files [2]bytes.Buffer
	plate, mask := drawImages(s, width, height)
	for i, img := range []image.Image{plate, mask} {
		if err := png.Encode(&files[i], img); err != nil {
			return fmt.Errorf("write a picture of the bubble: %w", err)
		}
	}
	p.shape, p.width, p.height, p.plate, p.mask = s, width, height, files[0].Bytes(), files[1].Bytes()
	return nil
}
