package output

import "math"

// Watermark is a picture that is laid over all of the video: a logo.
type Watermark struct {
	// URL is the picture's, http or https: PNG, JPEG or WebP. A stranger's.
	URL string `json:"url"`
	// Corner is where it is: CornerTopRight (default) or another.
	Corner string `json:"corner,omitempty"`
	// Width is a share of the video's width, from 0.01 to 1. Default: 0.12. The height follows.
	Width *float64 `json:"width,omitempty"`
	// Margin is from the picture to the video's edges, as a share of the video's shorter side, from
	// 0 to 0.4. Default: 0.03.
	Margin *float64 `json:"margin,omitempty"`
	// Opacity is from 0.05 to 1. Default: 1, as the picture is.
	Opacity *float64 `json:"opacity,omitempty"`
}

// Corners of a watermark.
const (
	CornerBottomLeft  = "bottom-left"
	CornerBottomRight = "bottom-right"
	CornerTopLeft     = "top-left"
	CornerTopRight    = "top-right"
)

// What is meant by what is not written.
const (
	defaultWatermarkWidth   = 0.12
	defaultWatermarkMargin  = 0.03
	defaultWatermarkOpacity = 1
)

// WatermarkPlace is where a watermark is on a video, and what it looks like.
type WatermarkPlace struct {
	// Right and Bottom say from which edges it is Margin pixels away, an even number; else it is
	// the left and the upper one.
	Right, Bottom bool
	Margin        int
	// Width and Height are the most pixels that it takes: it keeps its shape, and is as large as
	// both allow.
	Width, Height int
	// Opacity is from 0 to 1.
	Opacity float64
}

// Place places the watermark on a video of width × height pixels.
func (w Watermark) Place(width, height int) WatermarkPlace {
	p := WatermarkPlace{
		Right: true, Opacity: or(w.Opacity, defaultWatermarkOpacity),
		Margin: int(math.Round(or(w.Margin, defaultWatermarkMargin)*float64(min(width, height)))) &^ 1,
	}
	switch w.Corner {
	case CornerBottomLeft:
		p.Right, p.Bottom = false, true
	case CornerBottomRight:
		p.Bottom = true
	case CornerTopLeft:
		p.Right = false
	}
	wanted := int(math.Round(or(w.Width, defaultWatermarkWidth) * float64(width)))
	p.Width, p.Height = max(2, min(wanted, width-2*p.Margin)), max(2, height-2*p.Margin)
	return p
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
