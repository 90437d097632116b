package scene

import "math"

// MaxPixels is how many pixels a picture may have.
const MaxPixels = 3840 * 2160

// Ways to bring a picture to the video's size.
const (
	FitContain = "contain"
	FitCover   = "cover"
	FitFill    = "fill"
)

const defaultBackground = "#000000"

// Window is what a page is laid out in.
type Window struct {
	// Width and Height in CSS pixels.
	Width, Height int
	// Scale is how many pixels of the picture one CSS pixel has, along each axis.
	Scale float64
}

// Window returns the window in which a page is recorded for a video of width × height.
func (o Options) Window(width, height int) Window {
	if o.Viewport == nil {
		return Window{width, height, 1}
	}
	return o.Viewport.window()
}

// Picture returns the size in pixels of the pictures that are recorded for a video of width ×
// height: the window's, with its scale. They are even numbers, as encoders need them.
func (o Options) Picture(width, height int) (int, int) {
	if o.Viewport == nil {
		return width, height
	}
	return o.Viewport.picture()
}

// window is the viewport, smaller by a few CSS pixels where the picture would have an odd number of
// pixels.
func (v Viewport) window() Window {
	w := Window{v.Width, v.Height, v.DeviceScaleFactor}
	if w.Scale == 0 {
		w.Scale = 1
	}
	for _, side := range []*int{&w.Width, &w.Height} {
		for *side > 1 && w.pixels(*side)%2 != 0 {
			*side--
		}
	}
	return w
}

func (v Viewport) picture() (width, height int) {
	w := v.window()
	return w.pixels(w.Width), w.pixels(w.Height)
}

// pixels is how long a side is in the picture: Chrome rounds up, but for what is due to how
// fractions are stored.
func (w Window) pixels(side int) int { return int(math.Ceil(float64(side)*w.Scale - 1e-4)) }

// HowToFit returns Fit, or what it is when it is not given.
func (v Viewport) HowToFit() string {
	if v.Fit == "" {
		return FitContain
	}
	return v.Fit
}

// Bars returns Background, or what it is when it is not given.
func (v Viewport) Bars() string {
	if v.Background == "" {
		return defaultBackground
	}
	return v.Background
}
