package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/schema"
	"github.com/loom-lite/loom-lite/pkg/variables"
)

// sampled returns a campaign with examples in place of its variables, so that it can be checked as
// a whole: a length may be a variable, a colour may be one. Addresses are left as they are, since
// they may name files.
func sampled(value any) (any, []schema.Problem) {
	fields, _ := value.(map[string]any)
	declared, has := fields["variables"].(map[string]any)
	if !has || len(declared) == 0 {
		return value, nil
	}
	text, err := json.Marshal(declared)
	if err != nil {
		return value, nil // the schema says what is wrong
	}
	d, err := variables.Parse(text)
	var wrong *schema.Error
	if errors.As(err, &wrong) {
		var problems []schema.Problem
		for _, p := range wrong.Problems {
			problems = append(problems, schema.Problem{Location: slices.Concat([]string{"variables"}, p.Location), Text: p.Text})
		}
		return nil, problems
	}
	if err != nil {
		return nil, []schema.Problem{{Location: []string{"variables"}, Text: err.Error()}}
	}
	filled, faults := d.Sample().Fill(value, false)
	var problems []schema.Problem
	for _, f := range faults {
		problems = append(problems, f.Schema())
	}
	return filled, problems
}

// tried returns examples of the campaign's variables; nil when it has none.
func (c *Campaign) tried() (*variables.Set, error) {
	if c.Variables == nil {
		return nil, nil
	}
	d, err := variables.Parse(c.Variables)
	if err != nil {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	return d.Sample(), nil
}

// resolveIn is resolve for a reference that may have variables: those of a file behind its ? or #.
func resolveIn(set *variables.Set, root *os.Root, written string, page bool) (Ref, error) {
	whole := strings.HasPrefix(strings.TrimSpace(written), "{{")
	if set == nil || !variables.In(written) || !whole && scheme.FindString(written) == "" {
		return resolve(root, written, page)
	}
	filled, _, err := set.Address(written)
	if err != nil {
		return Ref{}, err
	}
	if filled != "" || !whole {
		if _, err := webRef(filled, strings.ToLower(scheme.FindString(filled))); err != nil {
			return Ref{}, err
		}
	}
	return Ref{web: written}, nil
}

// duration returns how long a scene lasts, and its options. One that has a variable stands among
// the options, since the app's column is a number: there it has what an example comes to.
func (s sceneText) duration(set *variables.Set) (seconds int, options map[string]any) {
	if s.HTML != "" {
		if s.Options = maps.Clone(s.Options); s.Options == nil {
			s.Options = map[string]any{}
		}
		s.Options["html"] = s.HTML
	}
	text, template := s.Duration.(string)
	if !template {
		n, _ := strconv.ParseFloat(fmt.Sprint(s.Duration), 64)
		return int(n), s.Options
	}
	if set != nil {
		filled, _ := set.Line(text)
		seconds, _ = strconv.Atoi(strings.TrimSpace(filled))
	}
	options = maps.Clone(s.Options)
	if options == nil {
		options = map[string]any{}
	}
	options["duration_sec"] = text
	return seconds, options
}

// sceneField says of a field that is kept among a scene's options that it is wrong where it was
// written: beside them.
func (t text) sceneField(p schema.Problem) schema.Problem {
	if len(p.Location) < 4 || p.Location[0] != "scenes" || p.Location[2] != "options" {
		return p
	}
	i, err := strconv.Atoi(p.Location[1])
	if err != nil || i < 0 || i >= len(t.Scenes) {
		return p
	}
	_, template := t.Scenes[i].Duration.(string)
	if field := p.Location[3]; field == "duration_sec" && template || field == "html" && t.Scenes[i].HTML != "" {
		p.Location = slices.Delete(slices.Clone(p.Location), 2, 3)
	}
	return p
}

// Written returns problems of a campaign that was sent as it was written there.
func Written(sent []byte, problems []schema.Problem) []schema.Problem {
	var t text
	if json.Unmarshal(sent, &t) != nil {
		return problems
	}
	var list []schema.Problem
	for _, p := range problems {
		list = append(list, t.sceneField(p))
	}
	return list
}
