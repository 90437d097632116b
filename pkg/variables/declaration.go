package variables

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Schema is the JSON Schema of a Declaration.
//
//go:embed variables.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(Schema) })

// Bounds.
const (
	// Max is how many variables a campaign may have.
	Max = 64
	// MaxValue is the size of one value in bytes.
	MaxValue = 2048
	// MaxValues is that of all values of a render, as JSON, and of a declaration.
	MaxValues = 32 << 10
)

// Type is what the values of a variable are.
type Type string

// Types.
const (
	// Text is any text without control characters, but for tabs and line breaks.
	Text Type = "text"
	// URL is an http or https URL of at most MaxValue bytes, without user and password. An empty
	// value is none.
	URL Type = "url"
	// Colour is #rrggbb.
	Colour Type = "colour"
	// Number is a decimal number.
	Number Type = "number"
)

// Declaration is what a campaign says of its variables. In JSON it is an object of them by their
// names, beside "strict".
type Declaration struct {
	// Lenient says that a variable which is not declared is a warning, and no error: "strict":
	// false.
	Lenient bool
	// Variables by their names.
	Variables map[string]Variable
}

// Variable is one of them.
type Variable struct {
	// Type defaults to Text.
	Type Type `json:"type,omitempty"`
	// Default is the value of renders that bring none; nil: there is none.
	Default *Value `json:"default,omitempty"`
	// Required says that each render brings a value.
	Required bool `json:"required,omitempty"`
	// Example is a value that the campaign can be tried with; nil: there is none.
	Example *Value `json:"example,omitempty"`
}

// Kind is the type with its default.
func (v Variable) Kind() Type {
	if v.Type == "" {
		return Text
	}
	return v.Type
}

// strict is the name that is no variable's.
const strict = "strict"

// Name is what a declaration is called in errors.
const Name = "variables"

// Parse reads a declaration, as JSON. Nothing, and null, declare nothing. What is wrong with it is
// a *schema.Error.
func Parse(data []byte) (Declaration, error) {
	fields, problems, err := schema.Decode[map[string]json.RawMessage](compiled, data, MaxValues)
	if err == nil && len(problems) > 0 {
		err = schema.Wrong(Name, problems...)
	}
	if err != nil {
		return Declaration{}, err
	}
	d := Declaration{Variables: map[string]Variable{}}
	for name, text := range fields {
		if name == strict {
			d.Lenient = string(text) == "false"
			continue
		}
		var v Variable
		if err := json.Unmarshal(text, &v); err != nil {
			return Declaration{}, fmt.Errorf("read the variable %s: %w", name, err)
		}
		d.Variables[name] = v
	}
	if len(d.Variables) > Max {
		return Declaration{}, schema.Wrong(Name, schema.Problem{Text: fmt.Sprintf("there are %d variables, at most %d are allowed", len(d.Variables), Max)})
	}
	for _, name := range d.Names() {
		v := d.Variables[name]
		for field, given := range map[string]*Value{"default": v.Default, "example": v.Example} {
			if given == nil {
				continue
			}
			if _, wrong := v.Kind().clean(string(*given)); wrong != "" {
				problems = append(problems, schema.Problem{Location: []string{name, field}, Text: "it " + wrong})
			}
		}
		if v.Required && v.Default != nil {
			problems = append(problems, schema.Problem{Location: []string{name, "default"},
				Text: "each render must bring a value, so the default is never used. Leave out one of default and required"})
		}
	}
	if len(problems) > 0 {
		return Declaration{}, schema.Wrong(Name, problems...)
	}
	return d, nil
}

// Names lists the variables that are declared, in order.
func (d Declaration) Names() []string { return slices.Sorted(maps.Keys(d.Variables)) }

// MarshalJSON writes what Parse reads.
func (d Declaration) MarshalJSON() ([]byte, error) {
	fields := map[string]any{}
	for name, v := range d.Variables {
		fields[name] = v
	}
	if d.Lenient {
		fields[strict] = false
	}
	return json.Marshal(fields)
}

// Sample returns values with which the campaign can be tried: each variable's example, or its
// default, or one of its type. Where the declaration is lenient, what it does not declare has one,
// too.
func (d Declaration) Sample() *Set {
	s := &Set{declared: d, values: map[string]string{}, undeclared: map[string]bool{}, used: map[string]bool{}, sample: true}
	for name, v := range d.Variables {
		value := samples[v.Kind()]
		switch {
		case v.Example != nil:
			value = *v.Example
		case v.Default != nil:
			value = *v.Default
		}
		s.values[name], _ = v.Kind().clean(string(value))
	}
	return s
}

var samples = map[Type]Value{Text: "text", URL: "https://example.com/", Colour: "#808080", Number: "1"}
