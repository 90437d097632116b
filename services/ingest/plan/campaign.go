package plan

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
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
	// UserID is the text of the app's column: usually a UUID, but any type is accepted.
	UserID *string `json:"user_id"`
	// FacecamURL is null or empty when there is no facecam.
	FacecamURL *string `json:"facecam_url"`
	// OutputWidth and OutputHeight are in pixels; null means 1920 and 1080.
	OutputWidth  *int `json:"output_width"`
	OutputHeight *int `json:"output_height"`
	// OutputFPS is in frames per second; null means 60.
	OutputFPS *int `json:"output_fps"`
	// OutputRate is the same as a text that msg.ParseRate reads. It wins over OutputFPS. Null or
	// empty: OutputFPS counts.
	OutputRate *string `json:"output_rate,omitempty"`
	// OutputOptions are what options.ParseOutput reads; nothing or null for the defaults.
	OutputOptions json.RawMessage `json:"output_options,omitempty"`
	// FacecamOptions are what options.ParseFacecam reads; nothing or null for the defaults.
	FacecamOptions json.RawMessage `json:"facecam_options,omitempty"`
	// Variables are what variables.Parse reads, and Values what variables.ParseValues does: the
	// render's. Nothing or null for none.
	Variables json.RawMessage `json:"variables,omitempty"`
	Values    json.RawMessage `json:"values,omitempty"`
	// Scenes are ordered by order_index, then id.
	Scenes []Scene `json:"scenes"`

	// sampled says that examples stand for values.
	sampled bool
}

// Scene is a page and how long it is shown. What the app left null is nil, which Read refuses.
type Scene struct {
	ID         uuid.UUID `json:"id"`
	URL        *string   `json:"url"`
	Seconds    *int      `json:"duration_sec"`
	OrderIndex *float64  `json:"order_index"`
	// Options are what options.ParseScene reads; nothing or null for the defaults.
	Options json.RawMessage `json:"options,omitempty"`
}

// duration is that of all scenes together.
func (c Campaign) duration() (total time.Duration) {
	for _, s := range c.Scenes {
		total += s.duration()
	}
	return total
}

func (s Scene) duration() time.Duration { return time.Duration(or(s.Seconds, 0)) * time.Second }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
