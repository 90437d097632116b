package options_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/options"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

func TestNothingAskedIsACircleAtTheBottomLeft(t *testing.T) {
	for _, text := range []string{"", "null", "{}", `{"shape": "circle", "size": 0.23, "corner": "bottom-left", "margin": 0.045, "shadow": true}`} {
		o, err := options.ParseFacecam([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := o.Place(1920, 1080)
		if got.X != 48 || got.Y != 784 || got.Width != 248 || got.Height != 248 || got.Radius != 124 || got.Color != "#f5f5f5" ||
			got.Border < 4 || got.Border > 5 || got.Shadow < 24 || got.Shadow > 25 {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestTheBubbleFitsEveryPicture(t *testing.T) {
	for _, size := range [][2]int{{1920, 1080}, {1080, 1920}, {640, 360}, {320, 180}, {3840, 2160}, {1080, 1080}, {16, 16}, {3840, 16}} {
		for _, shape := range []string{facecam.ShapeCircle, facecam.ShapeRounded, facecam.ShapeRectangle} {
			for _, corner := range []string{facecam.CornerBottomLeft, facecam.CornerBottomRight, facecam.CornerTopLeft, facecam.CornerTopRight} {
				o := facecam.Options{Shape: shape, Corner: corner}
				p := o.Place(size[0], size[1])
				for name, v := range map[string]int{"x": p.X, "y": p.Y, "width": p.Width, "height": p.Height} {
					if v%2 != 0 {
						t.Errorf("%v, %s, %s: %s is odd: %d", size, shape, corner, name, v)
					}
				}
				if err := options.CheckFacecam(o, size[0], size[1], time.Second); err != nil || min(p.Width, p.Height) < 2 {
					t.Errorf("%v, %s, %s: %+v, %v", size, shape, corner, p, err)
				}
				if (p.X > size[0]/2) != strings.HasSuffix(corner, "right") || (p.Y > size[1]/2) != strings.HasPrefix(corner, "bottom") {
					t.Errorf("%v: %s is at %d, %d", size, corner, p.X, p.Y)
				}
			}
		}
	}
}

func TestTheSchemasExamplesAreAccepted(t *testing.T) {
	var s struct {
		Properties map[string]struct{ Examples []any }
	}
	if err := json.Unmarshal(facecam.Schema, &s); err != nil {
		t.Fatal(err)
	}
	for name, p := range s.Properties {
		for _, example := range p.Examples {
			group := map[string]any{name: example}
			if name == "aspect" {
				group["shape"] = "rounded"
			}
			text, err := json.Marshal(group)
			if err != nil {
				t.Fatal(err)
			}
			if o, err := options.ParseFacecam(text); err != nil {
				t.Errorf("%s: %v", text, err)
			} else if err := options.CheckFacecam(o, 1920, 1080, time.Minute); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func TestWhatCannotBeIsRefusedInWords(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                         "facecam_options: this is a list, not a group of fields",
		`{"shape": "star"}`:          "facecam_options.shape: this is none of circle, rounded, rectangle",
		`{"colour": "red"}`:          "facecam_options.colour: there is no such field",
		`{"size": 0.01}`:             "facecam_options.size: 0.01 is too small",
		`{"size": 1.5}`:              "facecam_options.size: 1.5 is too large",
		`{"border": {"color": 7}}`:   "facecam_options.border.color: this is a number, not a text",
		`{"border": {"color": "x"}}`: "facecam_options.border.color: this text is not of the form",
		`{"aspect": "4:3"}`:          "facecam_options.aspect: a circle is as wide as high",
		`{"position": {"x": 0.5, "y": 0.5}, "corner": "top-left"}`: "facecam_options.position: it says where the bubble is, and so do corner and margin",
		`{"position": {"x": 0.5}}`:                                 "facecam_options.position: y is missing",
		`{"position": {"x": 0.02, "y": 0.5}}`:                      "facecam_options.position: the bubble of 248 × 248 pixels leaves the picture of 1920 × 1080. Its centre may be from x 0.065 to 0.935",
		`{"size": 0.9, "margin": 0.2}`:                             "facecam_options.margin: the bubble of 972 × 972 pixels leaves the picture",
		`{"size": 1, "shape": "rounded", "aspect": "9:16"}`:        "facecam_options.size: the bubble of 1080 × 1920 pixels is larger than the picture",
		`{"fullscreen": [{"at": "middle", "seconds": 2}]}`:         "facecam_options.fullscreen[0].at: this text is not of the form",
		`{"fullscreen": [{"at": -1, "seconds": 2}]}`:               "facecam_options.fullscreen[0].at: -1 is too small",
		`{"fullscreen": [{"at": 9}]}`:                              "facecam_options.fullscreen[0]: seconds is missing",
		`{"fullscreen": [{"at": 9, "seconds": 2}]}`:                "facecam_options.fullscreen[0].seconds: the moment is not within the video, which lasts 10 seconds",
		`{"fullscreen": [{"at": 30, "seconds": 2}]}`:               "facecam_options.fullscreen[0].at: the moment is not within the video",
		`{"fullscreen": [{"at": "end", "seconds": 11}]}`:           "facecam_options.fullscreen[0].seconds: the moment is not within the video",
		`{"fullscreen": [{"at": 2, "seconds": 1}]}`:                "facecam_options.fullscreen[0].seconds: the moves between bubble and full picture take 1.2 seconds together",
		`{"fullscreen": [{"at": "end", "seconds": 5}, {"at": 1, "seconds": 2}, {"at": 2.5, "seconds": 3, "ease": 0}]}`: "facecam_options.fullscreen[0].at: the moment overlaps fullscreen[2], which lasts from 2.5 to 5.5 seconds\n" +
			"facecam_options.fullscreen[2].at: the moment overlaps fullscreen[1], which lasts from 1 to 3 seconds",
	} {
		o, err := options.ParseFacecam([]byte(text))
		if err == nil {
			err = options.CheckFacecam(o, 1920, 1080, 10*time.Second)
		}
		var wrong *schema.Error
		if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestMomentsThatTouchAreAccepted(t *testing.T) {
	o, err := options.ParseFacecam([]byte(`{"fullscreen": [{"at": "end", "seconds": 3}, {"at": 2, "seconds": 5}, {"at": "start", "seconds": 2}]}`))
	if err == nil {
		err = options.CheckFacecam(o, 1920, 1080, 10*time.Second)
	}
	if err != nil {
		t.Fatal(err)
	}
	var spans []time.Duration
	for _, m := range o.Fullscreen {
		from, to := m.Span(10 * time.Second)
		grow, shrink := m.Moves()
		spans = append(spans, from, to, grow, shrink)
	}
	const ease = 600 * time.Millisecond
	if want := []time.Duration{7e9, 10e9, ease, 0, 2e9, 7e9, ease, ease, 0, 2e9, 0, ease}; !slices.Equal(spans, want) {
		t.Errorf("spans %v", spans)
	}
}

func FuzzParseFacecam(f *testing.F) {
	f.Add([]byte(`{"size": 0.3, "position": {"x": 0.5, "y": 0.5}, "fullscreen": [{"at": "start", "seconds": 3}, {"at": 4.5, "seconds": 3, "ease": 1}]}`), 1920, 1080)
	f.Fuzz(func(t *testing.T, data []byte, width, height int) {
		o, err := options.ParseFacecam(data)
		if err != nil || width < 16 || height < 16 || width > 3840 || height > 3840 || options.CheckFacecam(o, width, height, 10*time.Second) != nil {
			return
		}
		if p := o.Place(width, height); p.X < 0 || p.Y < 0 || p.X+p.Width > width || p.Y+p.Height > height || p.Width < 2 || p.Height < 2 {
			t.Errorf("%s: %+v", data, p)
		}
	})
}
