package recorder

import (
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

func TestOptionsThatAreNotActedOnAreTold(t *testing.T) {
	for name, test := range map[string]struct {
		options scene.Options
		want    []string
	}{
		"nothing is asked":   {scene.Options{}, nil},
		"what is the case":   {scene.Options{Capture: "exact", Consent: "keep", OnError: "fail", ColorScheme: "light", Locale: "en-US"}, nil},
		"the last picture":   {scene.Options{OnError: "last_picture"}, nil},
		"another viewport":   {scene.Options{Viewport: &scene.Viewport{Width: 390, Height: 844, DeviceScaleFactor: 1, Fit: "cover"}}, nil},
		"another scale":      {scene.Options{Viewport: &scene.Viewport{Width: 390, Height: 844, DeviceScaleFactor: 2}}, []string{"viewport.device_scale_factor"}},
		"in realtime":        {scene.Options{Capture: "realtime"}, []string{"capture"}},
		"several, and false": {scene.Options{Scroll: &scene.Scroll{To: "end"}, ColorScheme: "dark", Cursor: true, Mobile: false}, []string{"color_scheme", "cursor", "scroll"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ignored(test.options)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("ignored %v, want %v", got, test.want)
			}
		})
	}
}

func TestTheWarningOfIgnoredOptionsHoldsNoSecret(t *testing.T) {
	warnings, err := ignoredOptions(msg.RecordParams{Scene: 2, Options: scene.Options{
		Headers: map[string]string{"X-Key": "secret"}, BasicAuth: &scene.BasicAuth{Username: "secret", Password: "secret"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "Scene 2 was recorded without these options, which this version does not act on: basic_auth, headers."
	if len(warnings) != 1 || warnings[0].Code != msg.CodeSceneOptionsIgnored || warnings[0].Scene != 2 || warnings[0].Message != want {
		t.Errorf("warnings are %+v, want %q", warnings, want)
	}
	if strings.Contains(warnings[0].Message, "secret") {
		t.Error("a secret is in the warning")
	}
}
