package variables

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// places are the texts of a campaign in which variables may stand, by where a campaign file has
// them, and how they are filled in. [] is any entry of a list. No secret is among them: neither the
// values of headers and cookies nor passwords.
var places = map[string]func(s *Set, template string) (any, error){
	"facecam_url":                       address,
	"facecam_options.border.color":      as((*Set).Line),
	"output_options.captions.text":      as((*Set).Caption),
	"output_options.captions.language":  as((*Set).Line),
	"output_options.watermark.url":      address,
	"output_options.fallback.html":      as((*Set).HTML),
	"output_options.fallback.image":     address,
	"output_options.fallback.url":       address,
	"scenes.[].url":                     address,
	"scenes.[].duration_sec":            whole,
	"scenes.[].html":                    as((*Set).HTML),
	"scenes.[].options.html":            as((*Set).HTML),
	"scenes.[].options.fallback.html":   as((*Set).HTML),
	"scenes.[].options.fallback.image":  address,
	"scenes.[].options.fallback.url":    address,
	"scenes.[].options.duration_sec":    whole,
	"scenes.[].options.actions.[].text": as((*Set).Text),

	"scenes.[].options.actions.[].selector": as((*Set).CSS),
	"scenes.[].options.css":                 as((*Set).CSS),
	"scenes.[].options.hide.[]":             as((*Set).CSS),
	"scenes.[].options.js":                  as((*Set).Script),
	"scenes.[].options.locale":              as((*Set).Line),
	"scenes.[].options.remove.[]":           as((*Set).CSS),
	"scenes.[].options.scroll.to":           as((*Set).CSS),
	"scenes.[].options.timezone":            as((*Set).Line),
	"scenes.[].options.user_agent":          as((*Set).Line),
	"scenes.[].options.viewport.background": as((*Set).Line),
	"scenes.[].options.wait_for.promise":    as((*Set).Script),
	"scenes.[].options.wait_for.selector":   as((*Set).CSS),
}

func as(fill func(*Set, string) (string, error)) func(*Set, string) (any, error) {
	return func(s *Set, template string) (any, error) { return fill(s, template) }
}

func address(s *Set, template string) (any, error) {
	text, _, err := s.Address(template)
	return text, err
}

// whole fills in a number of seconds. What is no whole number stays, for whoever checks it.
func whole(s *Set, template string) (any, error) {
	text, err := s.Line(template)
	if n, wrong := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil && wrong == nil {
		return n, nil
	}
	return text, err
}

// Fault is a problem at a place of a campaign.
type Fault struct {
	Problem

	// Location is as in schema.Problem.
	Location []string
}

// Fill returns a campaign, as what a campaign file decodes into, with its variables filled in, and
// what cannot be. Addresses are left as they are unless addresses is set: those of a file may name
// other files.
func (s *Set) Fill(document any, addresses bool) (any, []Fault) {
	f := &filler{set: s, addresses: addresses}
	return f.fill(document, nil, ""), f.faults
}

type filler struct {
	set       *Set
	addresses bool
	faults    []Fault
}

// addressPlaces are those of addresses.
var addressPlaces = []string{"facecam_url", "output_options.watermark.url", "scenes.[].url"}

func (f *filler) fill(value any, location []string, place string) any {
	below := func(step string) string { return strings.TrimPrefix(place+"."+step, ".") }
	switch v := value.(type) {
	case map[string]any:
		filled := make(map[string]any, len(v))
		for _, field := range slices.Sorted(maps.Keys(v)) {
			filled[field] = f.fill(v[field], append(slices.Clone(location), field), below(field))
		}
		return filled
	case []any:
		filled := make([]any, len(v))
		for i, item := range v {
			filled[i] = f.fill(item, append(slices.Clone(location), strconv.Itoa(i)), below("[]"))
		}
		return filled
	case string:
		fill, has := places[place]
		if !has || !In(v) || !f.addresses && slices.Contains(addressPlaces, place) {
			return v
		}
		filled, err := fill(f.set, v)
		if err != nil {
			var wrong Problem
			if !errors.As(err, &wrong) {
				wrong = Problem{Why: Unfit, Text: "it cannot be filled in"}
			}
			f.faults = append(f.faults, Fault{wrong, location})
			return v
		}
		return filled
	}
	return value
}

// FillJSON fills in a part of a campaign, as JSON, that is at a location. Where there is nothing to
// fill in, it returns the same text.
func (s *Set) FillJSON(text json.RawMessage, location ...string) (json.RawMessage, []Fault) {
	if !In(string(text)) {
		return text, nil
	}
	var value any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if d.Decode(&value) != nil || d.More() {
		return text, nil // whoever reads it says what is wrong
	}
	steps := slices.Clone(location)
	for i, step := range steps {
		if _, err := strconv.Atoi(step); err == nil {
			steps[i] = "[]"
		}
	}
	f := &filler{set: s, addresses: true}
	filled, err := json.Marshal(f.fill(value, location, strings.Join(steps, ".")))
	if err != nil {
		return text, nil
	}
	return filled, f.faults
}

// Schema returns the fault as a schema.Problem.
func (f Fault) Schema() schema.Problem {
	return schema.Problem{Location: f.Location, Text: f.Error()}
}
