package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/schema"
	"github.com/loom-lite/loom-lite/pkg/variables"
)

// WithSamples returns the campaign as one that is tried: its variables have examples for values.
func (c Campaign) WithSamples() Campaign {
	c.Values, c.sampled = nil, true
	return c
}

// hasVariables reports whether variables are filled in. A campaign that declares none, for a render
// that brings none, is taken as it is written: {{ is a text in it.
func (c Campaign) hasVariables() bool { return stated(c.Variables) || stated(c.Values) }

func stated(object json.RawMessage) bool {
	switch strings.TrimSpace(string(object)) {
	case "", "null", "{}":
		return false
	}
	return true
}

// variables fills the campaign's variables in.
func (r *reader) variables() {
	if !r.campaign.hasVariables() {
		return
	}
	declared, err := variables.Parse(r.campaign.Variables)
	if err != nil {
		r.refuseOptions(msg.CodeVariables, "", err, variables.Name)
		return
	}
	set := declared.Sample()
	if !r.campaign.sampled {
		if set = r.values(declared); set == nil {
			return
		}
	}
	r.fill(set)
	r.render.private = set.Used()
	for _, name := range set.Undeclared() {
		r.render.Warnings = append(r.render.Warnings, msg.Warning{Code: msg.CodeVariableUndeclared,
			Message: fmt.Sprintf("The variable %s is not declared by the campaign. It was taken for a text.", name)})
	}
}

// values checks the render's values. It returns nil if they cannot be taken.
func (r *reader) values(declared variables.Declaration) *variables.Set {
	given, err := variables.ParseValues(r.campaign.Values)
	if err != nil {
		r.refuseOptions(msg.CodeVariableUnfit, "The values of this render: ", err, variables.Name)
		return nil
	}
	set, problems := declared.Resolve(given)
	for _, p := range problems {
		r.refuse(unfilled("", p), problem(p.Error(), variables.Name, p.Variable))
	}
	return set
}

// CheckValues returns what is wrong with a render's values for the variables that its campaign
// declares, both as JSON. Whether they are all that its texts need, Read tells.
func CheckValues(declared, values json.RawMessage) *Invalid {
	d, err := variables.Parse(declared)
	if err != nil {
		return nil // what the campaign declares is its own fault, and Read's to tell
	}
	r := &reader{campaign: Campaign{Values: values}}
	r.values(d)
	return r.invalid
}

// fill fills in all texts of the campaign.
func (r *reader) fill(set *variables.Set) {
	c := &r.campaign
	part := func(text *json.RawMessage, location ...string) {
		filled, faults := set.FillJSON(*text, location...)
		*text = filled
		for _, f := range faults {
			r.unfilled(f.Problem, f.Location...)
		}
	}
	address := func(text *string, location ...string) (_ *string, shown string) {
		if text == nil || !variables.In(*text) {
			return text, ""
		}
		filled, shown, err := set.Address(*text)
		if wrong := (variables.Problem{}); errors.As(err, &wrong) {
			r.unfilled(wrong, location...)
		}
		return &filled, shown
	}
	c.FacecamURL, _ = address(c.FacecamURL, "facecam_url")
	part(&c.OutputOptions, "output_options")
	part(&c.FacecamOptions, "facecam_options")
	scenes := make([]Scene, len(c.Scenes))
	for i, s := range c.Scenes {
		place := strconv.Itoa(i)
		var shown string
		s.URL, shown = address(s.URL, "scenes", place, "url")
		r.shown = append(r.shown, shown)
		part(&s.Options, "scenes", place, "options")
		r.ownDuration(i, &s)
		scenes[i] = s
	}
	c.Scenes = scenes
}

// ownDuration takes the duration out of a scene's options, where it stands if it has a variable:
// the app's column is a number.
func (r *reader) ownDuration(i int, s *Scene) {
	var fields map[string]json.RawMessage
	if !strings.Contains(string(s.Options), `"duration_sec"`) || json.Unmarshal(s.Options, &fields) != nil || fields["duration_sec"] == nil {
		return
	}
	var seconds int
	if err := json.Unmarshal(fields["duration_sec"], &seconds); err != nil {
		found := invalid(msg.CodeSceneDuration, "Scene %d: options.duration_sec is no whole number of seconds.", i+1)
		r.refuse(found, problem("this is no whole number of seconds", "scenes", strconv.Itoa(i), "options", "duration_sec"))
		return
	}
	s.Seconds = &seconds
	delete(fields, "duration_sec")
	if rest, err := json.Marshal(fields); err == nil {
		s.Options = rest
	}
}

// unfilled refuses a text that cannot be filled in.
func (r *reader) unfilled(p variables.Problem, location ...string) {
	where := schema.Problem{Location: location}.Field()
	if location[0] == "scenes" {
		n, _ := strconv.Atoi(location[1])
		where = fmt.Sprintf("Scene %d, %s", n+1, schema.Problem{Location: location[2:]}.Field())
	}
	r.refuse(unfilled(where+": ", p), problem(p.Error(), location...))
}

func unfilled(before string, p variables.Problem) *Invalid {
	code := map[variables.Why]msg.Code{
		variables.Missing: msg.CodeVariableMissing, variables.Undeclared: msg.CodeVariableUndeclared,
		variables.Unfit: msg.CodeVariableUnfit, variables.Malformed: msg.CodeVariables,
	}[p.Why]
	text := p.Error()
	if before == "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return invalid(code, "%s%s", before, sentence(text))
}
