package renders

import (
	"math"
	"time"

	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// limits are the largest that an installation may have. Ingest knows its own, and checks again.
var limits = plan.Limits{Scene: time.Hour, Render: math.MaxInt64}

// Campaign returns the submission as ingest will see it.
func (s Submission) Campaign() plan.Campaign {
	c := plan.Campaign{
		OutputWidth: s.Width, OutputHeight: s.Height, OutputFPS: s.FPS, OutputRate: s.Rate, OutputOptions: s.Output,
		FacecamURL: s.FacecamURL, FacecamOptions: s.Shown, Variables: s.Variables, Values: s.Values,
	}
	for _, scene := range s.Scenes {
		c.Scenes = append(c.Scenes, plan.Scene{URL: &scene.URL, Seconds: &scene.Seconds, Options: scene.Options})
	}
	return c
}

// Check returns why the campaign cannot be rendered with the values of its variables; nil if it
// can.
func (s Submission) Check() *plan.Invalid {
	_, invalid := plan.Read(s.Campaign(), limits)
	return invalid
}
