package plan

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// What a campaign's columns mean when they are null.
const (
	defaultWidth  = 1920
	defaultHeight = 1080
	defaultFPS    = 60
)

// Campaign is a snapshot of what a render is made from, as the app's tables hold it. It is stored
// with the plan.
type Campaign struct {
	ID   uuid.UUID `json:"id"`
	Name *string   `json:"name"`
	// UserID is as the app's column writes it: a UUID mostly, but any type will do.
	UserID *string `json:"user_id"`
	// FacecamURL is null or empty when there is no facecam.
	FacecamURL *string `json:"facecam_url"`
	// OutputWidth and OutputHeight are in pixels; null means 1920 and 1080.
	OutputWidth  *int `json:"output_width"`
	OutputHeight *int `json:"output_height"`
	// OutputFPS is in frames per second; null means 60.
	OutputFPS *int `json:"output_fps"`
	// OutputRate is the same as ParseRate reads it; it wins over OutputFPS. Null or empty:
	// OutputFPS counts.
	OutputRate *string `json:"output_rate,omitempty"`
	// OutputOptions are what output.Parse reads; nothing, or null, when nothing is asked.
	OutputOptions json.RawMessage `json:"output_options,omitempty"`
	// FacecamOptions are what facecam.Parse reads; nothing, or null, when nothing is asked.
	FacecamOptions json.RawMessage `json:"facecam_options,omitempty"`
	// Scenes are ordered by order_index, then id.
	Scenes []Scene `json:"scenes"`
}

// Scene is a page and how long it is shown. What the app left null is the zero value, which
// Validate refuses.
type Scene struct {
	ID         uuid.UUID `json:"id"`
	URL        *string   `json:"url"`
	Seconds    *int      `json:"duration_sec"`
	OrderIndex *float64  `json:"order_index"`
	// Options are what scene.Parse reads; nothing, or null, when nothing is asked.
	Options json.RawMessage `json:"options,omitempty"`
}

func (c Campaign) width() int  { return or(c.OutputWidth, defaultWidth) }
func (c Campaign) height() int { return or(c.OutputHeight, defaultHeight) }

// rate returns the frame rate. It is what Validate checks.
func (c Campaign) rate() (msg.Rate, error) {
	if text := trimmed(or(c.OutputRate, "")); text != "" {
		return ParseRate(text)
	}
	rate := msg.FPS(or(c.OutputFPS, defaultFPS))
	return rate, checkRate(rate)
}

// options returns what is asked of the video. It cannot fail once Validate has passed the campaign.
func (c Campaign) options() (output.Options, error) { return output.Parse(c.OutputOptions) }

// shown returns how the facecam is shown. It cannot fail once Validate has passed the campaign.
func (c Campaign) shown() (facecam.Options, error) { return facecam.Parse(c.FacecamOptions) }

// duration is that of all scenes together.
func (c Campaign) duration() (total time.Duration) {
	for _, s := range c.Scenes {
		total += s.duration()
	}
	return total
}

// facecam returns the facecam's URL, empty when there is none.
func (c Campaign) facecam() string { return trimmed(or(c.FacecamURL, "")) }

func (s Scene) url() string  { return trimmed(or(s.URL, "")) }
func (s Scene) seconds() int { return or(s.Seconds, 0) }

func (s Scene) duration() time.Duration { return time.Duration(s.seconds()) * time.Second }

// options returns what is asked of the scene. It cannot fail once Validate has passed the scene.
func (s Scene) options() (scene.Options, error) { return scene.Parse(s.Options, s.duration()) }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
