package tonemap

import (
	"bufio"
	"fmt"
	"os"
)

// steps is how many values of each component the table has.
const steps = 33

// Write writes the table of a curve into a file, in the format "cube" of FFmpeg's lut3d.
func Write(path string, c Curve) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the table of colours: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("write the table of colours: %w", e)
		}
	}()
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "LUT_3D_SIZE %d\n", steps)
	at := func(i int) float64 { return float64(i) / (steps - 1) }
	for b := range steps {
		for g := range steps {
			for r := range steps {
				x, y, z := c.Colour(at(r), at(g), at(b))
				fmt.Fprintf(w, "%.6f %.6f %.6f\n", x, y, z)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the table of colours: %w", err)
	}
	return nil
}
