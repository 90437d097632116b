package renders

import (
	"encoding/json"
	"fmt"
)

// Document returns a campaign as a campaign file has it, in JSON: what the API takes. It says
// nothing of whose it is.
func (s Submission) Document() (json.RawMessage, error) {
	type scene struct {
		URL     string          `json:"url"`
		Seconds int             `json:"duration_sec"`
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
		Scenes   []scene         `json:"scenes"`
	}{s.Name, s.FacecamURL, s.Width, s.Height, s.FPS, s.Rate, s.Output, s.Shown, s.Metadata, []scene{}}
	for _, one := range s.Scenes {
		document.Scenes = append(document.Scenes, scene(one))
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write the campaign: %w", err)
	}
	return text, nil
}
