package scene

import (
	"cmp"
	"fmt"
	"html"
)

// Image is how a picture is shown.
type Image struct {
	// Fit is FitCover (default), FitContain or FitFill.
	Fit string `json:"fit,omitempty"`
	// Background is the colour around the picture, as #rrggbb. Default: #000000.
	Background string `json:"background,omitempty"`
	// From and To are what is seen of it at the scene's beginning and at its end. Default: all.
	From *View `json:"from,omitempty"`
	To   *View `json:"to,omitempty"`
	// Easing is "linear" (default), "ease-in", "ease-out" or "ease-in-out", as CSS has them.
	Easing string `json:"easing,omitempty"`
}

// View is a part of a picture.
type View struct {
	// Zoom is how much larger than the whole it is shown, from 1 to 10. Default: 1.
	Zoom float64 `json:"zoom,omitempty"`
	// X and Y are its middle, in shares of the picture's width and height. Default: 0.5. The view
	// does not leave the picture.
	X *float64 `json:"x,omitempty"`
	Y *float64 `json:"y,omitempty"`
}

// Fallback is what a scene shows if its page cannot be: one of its fields is set.
type Fallback struct {
	// URL is another page's, Image a picture's, HTML a page.
	URL   string `json:"url,omitempty"`
	Image string `json:"image,omitempty"`
	HTML  string `json:"html,omitempty"`
}

// Page returns a page that shows the picture at an address for some seconds.
func (i Image) Page(address string, seconds float64) string {
	return fmt.Sprintf(`<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<style>
html { background: %s; overflow: hidden }
img { position: fixed; inset: 0; width: 100%%; height: 100%%; object-fit: %s; animation: move %gs %s both }
@keyframes move { from { transform: %s } to { transform: %s } }
</style>
<img alt="" src="%s">
`, cmp.Or(i.Background, defaultBackground), cmp.Or(i.Fit, FitCover), seconds, cmp.Or(i.Easing, "linear"), i.From.transform(), i.To.transform(),
		html.EscapeString(address))
}

// transform moves the view's middle to the window's, and makes the picture larger around it.
func (v *View) transform() string {
	if v == nil {
		return "none"
	}
	zoom := cmp.Or(v.Zoom, 1)
	shift := func(middle *float64) float64 {
		at, half := 0.5, 0.5/zoom
		if middle != nil {
			at = *middle
		}
		return (0.5 - min(max(at, half), 1-half)) * 100
	}
	return fmt.Sprintf("scale(%g) translate(%.6f%%, %.6f%%)", zoom, shift(v.X), shift(v.Y))
}
