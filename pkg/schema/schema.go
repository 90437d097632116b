package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a compiled JSON Schema.
type Schema struct {
	root *jsonschema.Schema
}

// Compile compiles a JSON Schema. others are those that it refers to. Each is known by its $id;
// nothing is fetched.
func Compile(main []byte, others ...[]byte) (*Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	first := ""
	for _, text := range append([][]byte{main}, others...) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		var head struct {
			ID string `json:"$id"`
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		if head.ID == "" {
			return nil, errors.New("read schema: it has no $id")
		}
		if err := c.AddResource(head.ID, doc); err != nil {
			return nil, fmt.Errorf("read schema %s: %w", head.ID, err)
		}
		if first == "" {
			first = head.ID
		}
	}
	root, err := c.Compile(first)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return &Schema{root: root}, nil
}

// Check returns what is wrong with a document, in no particular order; nothing when all is well.
// value is what JSON or YAML decodes into any.
func (s *Schema) Check(value any) ([]Problem, error) {
	// The validator cannot compute with these, which JSON does not have but YAML has.
	if location, found := unnumbered(value, nil); found {
		text := "this is no number that can be counted with. " + advice(at(s.root, location), location)
		return []Problem{{Location: location, Text: text}}, nil
	}
	var invalid *jsonschema.ValidationError
	if err := s.root.Validate(value); !errors.As(err, &invalid) {
		return nil, err
	}
	var problems []Problem
	for _, leaf := range leaves(invalid) {
		problems = append(problems, explain(s.root, leaf)...)
	}
	return problems, nil
}

// unnumbered finds a number that is infinite or not a number (NaN).
func unnumbered(value any, location []string) ([]string, bool) {
	switch v := value.(type) {
	case float64:
		return location, math.IsNaN(v) || math.IsInf(v, 0)
	case []any:
		for i, item := range v {
			if where, found := unnumbered(item, below(location, strconv.Itoa(i))); found {
				return where, true
			}
		}
	case map[string]any:
		for name, item := range v {
			if where, found := unnumbered(item, below(location, name)); found {
				return where, true
			}
		}
	}
	return nil, false
}

// leaves returns the errors that have no more precise ones below them.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

// at returns the schema of what is at location, nil when the schema has nothing there.
func at(s *jsonschema.Schema, location []string) *jsonschema.Schema {
	for _, part := range location {
		if s = followed(s); s == nil {
			return nil
		}
		items, named := s.Items2020, s.Properties[part]
		additional, _ := s.AdditionalProperties.(*jsonschema.Schema)
		switch {
		case named != nil:
			s = named
		case items != nil:
			s = items
		default:
			s = additional
		}
	}
	return s
}

// followed returns the schema that s refers to, which has the fields. s itself may have a
// description of its own.
func followed(s *jsonschema.Schema) *jsonschema.Schema {
	for s != nil && s.Ref != nil {
		s = s.Ref
	}
	return s
}

func below(location []string, name string) []string { return append(slices.Clone(location), name) }
