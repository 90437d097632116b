package campaign

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is the JSON Schema of campaign files.
//
//go:embed campaign.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("campaign.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("campaign.schema.json")
})

// validate checks a file against the schema. doc is the file's root, for line numbers.
func validate(data []byte, doc ast.Node) ([]Problem, error) {
	schema, err := compiled()
	if err != nil {
		return nil, fmt.Errorf("read the campaign schema: %w", err)
	}
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		return nil, syntaxError("", err)
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(value); !errors.As(err, &invalid) {
		return nil, err
	}
	var problems []Problem
	for _, leaf := range leaves(invalid) {
		problems = append(problems, explain(schema, leaf, doc)...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return problems, nil
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

// explain tells a validator's error in words, with the line and with what to write instead.
func explain(schema *jsonschema.Schema, e *jsonschema.ValidationError, doc ast.Node) []Problem {
	at := func(location []string, what string) Problem {
		return Problem{Line: lineOf(doc, location), Field: fieldName(location), Text: what}
	}
	here := e.InstanceLocation
	var problems []Problem
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			problems = append(problems, at(below(here, name), "there is no such field"+suggest(schemaAt(schema, here), name)))
		}
	case *kind.Required:
		for _, name := range k.Missing {
			problems = append(problems, at(here, name+" is missing. "+advice(schemaAt(schema, below(here, name)), name)))
		}
	default:
		name := ""
		if len(here) > 0 {
			name = here[len(here)-1]
		}
		problems = append(problems, at(here, said(e.ErrorKind)+". "+advice(schemaAt(schema, here), name)))
	}
	return problems
}

func below(location []string, name string) []string { return append(slices.Clone(location), name) }

// said is a validator's finding, in words.
func said(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		if k.Got == "null" {
			return "there is nothing here"
		}
		want := slices.DeleteFunc(slices.Clone(k.Want), func(w string) bool { return w == "null" })[0]
		got := article(k.Got)
		if k.Got == "number" && want == "integer" {
			got = "a fraction"
		}
		return fmt.Sprintf("this is %s, not %s", got, article(want))
	case *kind.Minimum:
		return k.Got.RatString() + " is too small"
	case *kind.Maximum:
		return k.Got.RatString() + " is too large"
	case *kind.MultipleOf:
		return k.Got.RatString() + " is odd"
	case *kind.MinItems:
		return "the list is empty"
	case *kind.MaxItems:
		return fmt.Sprintf("the list has %d entries, at most %d are allowed", k.Got, k.Want)
	case *kind.MinLength:
		return "the text is empty"
	case *kind.MaxLength:
		return fmt.Sprintf("the text has %d characters, at most %d are allowed", k.Got, k.Want)
	}
	return k.LocalizedString(message.NewPrinter(language.English))
}

func article(jsonType string) string {
	switch jsonType {
	case "integer":
		return "a whole number"
	case "number":
		return "a number"
	case "string":
		return "a text"
	case "array":
		return "a list"
	case "object":
		return "a group of fields"
	case "boolean":
		return "true or false"
	}
	return jsonType
}

// advice says what to write into a field.
func advice(field *jsonschema.Schema, name string) string {
	if field == nil {
		return ""
	}
	text := field.Description
	if len(field.Examples) > 0 {
		text += fmt.Sprintf(" Example: %s: %v", name, field.Examples[0])
	}
	return text
}

// schemaAt returns the schema of what is at location, nil when the schema has nothing there.
func schemaAt(s *jsonschema.Schema, location []string) *jsonschema.Schema {
	for _, part := range location {
		if s == nil {
			return nil
		}
		if items := s.Items2020; items != nil {
			s = items
		} else {
			s = s.Properties[part]
		}
	}
	return s
}

// suggest names the field that was probably meant, or all there are.
func suggest(group *jsonschema.Schema, name string) string {
	if group == nil {
		return ""
	}
	var names []string
	for known := range group.Properties {
		names = append(names, known)
	}
	slices.Sort(names)
	for _, known := range names {
		plain := strings.NewReplacer("_", "", "-", "")
		a, b := plain.Replace(strings.ToLower(name)), plain.Replace(known)
		if len(a) > 2 && (strings.Contains(b, a) || strings.Contains(a, b)) || distance(a, b) <= 2 {
			return ": did you mean " + known + "?"
		}
	}
	return ". There are: " + strings.Join(names, ", ")
}

// distance is Levenshtein's: how many letters must change to make a of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
