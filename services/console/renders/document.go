package renders

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Document returns a campaign as a campaign file has it, in JSON: what the API takes. It says
// nothing of whose it is.
func (s Submission) Document() (json.RawMessage, error) {
	type scene struct {
		URL     string          `json:"url,omitempty"`
		Seconds any             `json:"duration_sec"`
		Options json.RawMessage `json:"options,omitempty"`
	}
	document := struct {
		Name     string          `json:"name"`
		Facecam  *string         `json:"facecam_url,omitempty"`
		Width    *int            `json:"output_width,omitempty"`
		Height   *int            `json:"output_height,omitempty"`
		FPS      *int            `json:"output_fps,omitempty"`
		Rate     *string         `json:"output_rate,omitempty"`
		Output   json.RawMessage `json:"output_options,omitempty"`
		Shown    json.RawMessage `json:"facecam_options,omitempty"`
		Metadata json.RawMessage `json:"metadata,omitempty"`
		Declared json.RawMessage `json:"variables,omitempty"`
		Scenes   []scene         `json:"scenes"`
	}{s.Name, s.FacecamURL, s.Width, s.Height, s.FPS, s.Rate, s.Output, s.Shown, s.Metadata, s.Variables, []scene{}}
	for _, one := range s.Scenes {
		seconds, options, err := one.written()
		if err != nil {
			return nil, fmt.Errorf("write the campaign: %w", err)
		}
		document.Scenes = append(document.Scenes, scene{one.URL, seconds, options})
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write the campaign: %w", err)
	}
	return text, nil
}

// written returns a scene's duration as a campaign file has it, and its options without it: a
// duration with a variable is kept among the options.
func (s Scene) written() (seconds any, options json.RawMessage, err error) {
	if !strings.Contains(string(s.Options), `"duration_sec"`) {
		return s.Seconds, s.Options, nil
	}
	seconds = s.Seconds
	options, err = edited(s.Options, func(fields map[string]json.RawMessage) {
		if own := fields["duration_sec"]; own != nil {
			seconds = own
			delete(fields, "duration_sec")
		}
	})
	if string(options) == "{}" {
		options = nil
	}
	return seconds, options, err
}
