package campaign

import (
	"errors"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/options"
)

func TestHowTheFacecamIsShownIsRead(t *testing.T) {
	c, err := load(t, folder(t), `
facecam_options:
  shape: rounded
  border: {color: "#6366f1"}
  fullscreen:
    - {at: start, seconds: 3}
    - {at: 4.5, seconds: 3}
scenes: [{url: page.html, duration_sec: 9}]
`)
	if err != nil {
		t.Fatal(err)
	}
	o, err := options.ParseFacecam(c.Shown)
	if err != nil {
		t.Fatal(err)
	}
	if o.Shape != facecam.ShapeRounded || o.Border.Color != "#6366f1" || len(o.Fullscreen) != 2 || o.Fullscreen[1].At != 4.5 {
		t.Errorf("got %+v", o)
	}
}

func TestBadFacecamOptionsAreToldByLineAndField(t *testing.T) {
	const scenes = "scenes: [{url: page.html, duration_sec: 9}]\n"
	for text, want := range map[string]string{
		"facecam_options:\n  shape: star\n":                                               "campaign.yaml:2: facecam_options.shape: this is none of circle, rounded, rectangle",
		"facecam_options:\n  centre: {x: 1, y: 1}\n":                                      "campaign.yaml:2: facecam_options.centre: there is no such field. There are: aspect, border, corner",
		"facecam_options:\n  position:\n    x: 0\n    y: 0.5\n":                           "campaign.yaml:2: facecam_options.position: the bubble of 248 × 248 pixels leaves the picture",
		"output_width: 1080\nfacecam_options: {shape: rectangle, size: 0.7}\n":            "campaign.yaml:2: facecam_options.size: the bubble of 1344 × 756 pixels is larger than the picture of 1080 × 1080",
		"facecam_options:\n  fullscreen:\n  - at: 8\n    seconds: 3\n":                    "campaign.yaml:4: facecam_options.fullscreen[0].seconds: the moment is not within the video, which lasts 9 seconds",
		"facecam_options: {fullscreen: [{at: 1, seconds: 3}, {at: start, seconds: 2}]}\n": "facecam_options.fullscreen[0].at: the moment overlaps fullscreen[1]",
	} {
		_, err := load(t, folder(t), text+scenes)
		var invalid *Error
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) || len(invalid.Problems) != 1 {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
