package output

import "testing"

func TestAWatermarkIsPlacedWithinTheVideo(t *testing.T) {
	ptr := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		w             Watermark
		width, height int
		want          WatermarkPlace
	}{
		{Watermark{}, 1920, 1080, WatermarkPlace{Right: true, Margin: 32, Width: 230, Height: 1016, Opacity: 1}},
		{Watermark{}, 1080, 1920, WatermarkPlace{Right: true, Margin: 32, Width: 130, Height: 1856, Opacity: 1}},
		{Watermark{Corner: CornerBottomLeft, Width: ptr(1), Margin: ptr(0), Opacity: ptr(0.4)}, 640, 360,
			WatermarkPlace{Bottom: true, Width: 640, Height: 360, Opacity: 0.4}},
		{Watermark{Corner: CornerBottomRight, Width: ptr(1), Margin: ptr(0.4)}, 100, 100,
			WatermarkPlace{Right: true, Bottom: true, Margin: 40, Width: 20, Height: 20, Opacity: 1}},
		{Watermark{Corner: CornerTopLeft, Width: ptr(0.01), Margin: ptr(0.4)}, 16, 16, WatermarkPlace{Margin: 6, Width: 2, Height: 4, Opacity: 1}},
	} {
		if got := c.w.Place(c.width, c.height); got != c.want {
			t.Errorf("%+v on %d×%d: %+v, want %+v", c.w, c.width, c.height, got, c.want)
		}
	}
}
