package scene

// MaxPixels is how many pixels a picture may have.
const MaxPixels = 3840 * 2160

// Ways to bring a picture to the video's size.
const (
	FitContain = "contain"
	FitCover   = "cover"
	FitFill    = "fill"
)

const defaultBackground = "#000000"

// Picture returns the size in pixels of the pictures that are recorded for a video of width × height: the viewport's, with
// the device scale factor, rounded down to even numbers, as encoders need them.
func (o Options) Picture(width, height int) (int, int) {
	if o.Viewport == nil {
		return width, height
	}
	return o.Viewport.picture()
}

func (v Viewport) picture() (width, height int) {
	scale := v.DeviceScaleFactor
	if scale == 0 {
		scale = 1
	}
	even := func(side int) int {
		pixels := int(float64(side) * scale)
		return pixels - pixels%2
	}
	return even(v.Width), even(v.Height)
}

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
