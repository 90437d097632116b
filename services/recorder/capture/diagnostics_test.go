package capture_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"net/http"
	"testing"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// diagnostics keeps the last picture.
type diagnostics struct {
	opened  bool
	picture []byte
}

func (w *diagnostics) Opened(*cdp.Client, *rod.Page) error {
	w.opened = true
	return nil
}

func (w *diagnostics) Picture(jpeg []byte) { w.picture = jpeg }

func TestAPageThatCannotBeCapturedIsLookedAt(t *testing.T) {
	t.Parallel()
	const red = `<!doctype html><body style="background:#f00">`
	url := site(t, map[string]http.HandlerFunc{"/404": status(404, red)})
	w := new(diagnostics)
	_, _, err := shot{url: url + "/404", frames: 1, diagnostics: w}.take(t.Context(), t)
	if page := new(capture.PageError); !errors.As(err, &page) || page.Status != 404 {
		t.Fatalf("capture returned %v", err)
	}
	if !w.opened {
		t.Error("Opened was not called")
	}
	picture, err := jpeg.Decode(bytes.NewReader(w.picture))
	if err != nil {
		t.Fatalf("the picture: %v", err)
	}
	if picture.Bounds() != image.Rect(0, 0, width, height) {
		t.Errorf("the picture has %v", picture.Bounds())
	}
	if r, g, b, _ := picture.At(width/2, height/2).RGBA(); r < 0xe000 || g > 0x2000 || b > 0x2000 {
		t.Errorf("the page's red is %x %x %x", r, g, b)
	}
}
