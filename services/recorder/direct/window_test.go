package direct_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// The picture's size is checked by take.
func TestAPageIsLaidOutInCSSPixelsAndPicturedInThoseOfTheDevice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		viewport scene.Viewport
		page     http.HandlerFunc
	}{
		{scene.Viewport{Width: 195, Height: 400, DeviceScaleFactor: 2},
			verdict(`innerWidth === 195 && innerHeight === 400 && devicePixelRatio === 2`, `[innerWidth, innerHeight, devicePixelRatio]`)},
		{scene.Viewport{Width: 302, Height: 202, DeviceScaleFactor: 1.5},
			verdict(`innerWidth === 301 && innerHeight === 201 && devicePixelRatio === 1.5`, `[innerWidth, innerHeight, devicePixelRatio]`)},
		{scene.Viewport{Width: 641, Height: 480, DeviceScaleFactor: 0.5},
			verdict(`innerWidth === 640 && innerHeight === 480 && devicePixelRatio === 0.5`, `[innerWidth, innerHeight, devicePixelRatio]`)},
	} {
		wantGreen(t, site(t, map[string]http.HandlerFunc{"/": test.page}), scene.Options{Viewport: &test.viewport})
	}
}

// A line of one CSS pixel has two in the picture, not one that was made larger.
func TestAFineLineIsFineInThePicture(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(
		`<style>body{background:#fff}i{position:absolute;top:0;left:100.5px;width:.5px;height:100%;background:#000}</style><i></i>`)})
	picture := first(t, url, scene.Options{Viewport: &scene.Viewport{Width: 200, Height: 120, DeviceScaleFactor: 2}})
	for x, want := range map[int]bool{199: false, 200: false, 201: true, 202: false, 203: false} {
		r, _, _, _ := picture.At(x, 60).RGBA()
		if dark := r>>8 < 128; dark != want {
			t.Errorf("the pixel at %d is %02x", x, r>>8)
		}
	}
}
