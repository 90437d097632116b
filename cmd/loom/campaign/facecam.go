package campaign

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// The video's size where the file has none, as the app's columns have it.
const defaultWidth, defaultHeight = 1920, 1080

// shown returns how the facecam is shown as JSON, and what the file's schema could not see to be
// wrong with it.
func (t text) shown() (json.RawMessage, []schema.Problem, error) {
	if len(t.Shown) == 0 {
		return nil, nil, nil
	}
	data, err := json.Marshal(t.Shown)
	if err != nil {
		return nil, nil, err
	}
	var length time.Duration
	for _, s := range t.Scenes {
		length += time.Duration(s.Duration) * time.Second
	}
	o, err := facecam.Parse(data)
	if err == nil {
		err = o.Check(or(t.Width, defaultWidth), or(t.Height, defaultHeight), length)
	}
	var invalid *schema.Error
	if errors.As(err, &invalid) {
		return nil, invalid.Problems, nil
	}
	return data, nil, err
}

func or(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}
