package campaign

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/schema"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// limits are the largest that an installation may have. Ingest knows its own, and checks again.
var limits = plan.Limits{Scene: time.Hour, Render: math.MaxInt64}

// servedAt stands for where the campaign's folder will be served.
const servedAt = "http://127.0.0.1/"

// check returns what is wrong with a campaign whose references have been resolved, as ingest would
// see it.
func (c *Campaign) check() ([]schema.Problem, error) {
	asked := plan.Campaign{
		OutputWidth: c.Width, OutputHeight: c.Height, OutputFPS: c.FPS, OutputRate: c.Rate, FacecamOptions: c.Shown, Variables: c.Variables,
	}
	var err error
	if asked.OutputOptions, err = c.Output(servedAt); err != nil {
		return nil, err
	}
	if c.Facecam != nil {
		url := c.Facecam.URL(servedAt)
		asked.FacecamURL = &url
	}
	for _, s := range c.Scenes {
		url := s.Page.URL(servedAt)
		asked.Scenes = append(asked.Scenes, plan.Scene{URL: &url, Seconds: &s.Duration, Options: s.Options})
	}
	var problems []schema.Problem
	if _, invalid := plan.Read(asked.WithSamples(), limits); invalid != nil {
		problems = invalid.Problems
	}
	// In the app's column an empty rate means output_fps. In a file it is a mistake.
	if c.Rate != nil && strings.TrimSpace(*c.Rate) == "" {
		if _, err := msg.ParseRate(*c.Rate); err != nil {
			problems = append(problems, schema.Problem{Location: []string{"output_rate"}, Text: err.Error()})
		}
	}
	return problems, nil
}

// Output returns output_options as JSON; nil when nothing is asked. base is as in Ref.URL.
func (c *Campaign) Output(base string) (json.RawMessage, error) {
	fields := c.output
	if mark, ok := fields["watermark"].(map[string]any); ok && c.Watermark != nil {
		fields = with(fields, "watermark", with(mark, "url", c.Watermark.URL(base)))
	}
	data, err := asJSON(fields)
	if err != nil {
		return nil, fmt.Errorf("write output_options: %w", err)
	}
	return data, nil
}

// Preview reports whether animated previews are asked for.
func (c *Campaign) Preview() bool {
	_, asked := c.output["preview"].(map[string]any)
	return asked
}
