package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Untitled is the name of a campaign that was sent without one.
const Untitled = "Untitled campaign"

// Parse reads a campaign that a stranger has sent, as JSON of the shape of a campaign file. It may
// name what is on the web, and no files. What is wrong with it is an *Error without a path.
func Parse(data []byte) (*Campaign, error) {
	if len(data) > maxSize {
		return nil, &Error{Problems: []Problem{{Text: fmt.Sprintf("it is larger than %d bytes", maxSize)}}}
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, &Error{Problems: []Problem{{Text: "this is not JSON that can be read"}}}
	}
	tried, wrong := sampled(value)
	var problems []Problem
	for _, p := range wrong {
		problems = append(problems, placed(nil, p))
	}
	if len(problems) == 0 {
		var err error
		if problems, err = validateValue(tried, nil, sent); err != nil {
			return nil, err
		}
	}
	for i, p := range problems {
		if slices.Equal(p.Location, captionsFile) {
			problems[i].Text = noFile
		}
	}
	if len(problems) > 0 {
		return nil, &Error{Problems: problems}
	}
	// The schema takes 1.2e3 for a whole number. Encoding it again writes it as one.
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	var t text
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	c, problems, err := t.complete(Untitled, nil, nil)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, &Error{Problems: problems}
	}
	return c, nil
}
