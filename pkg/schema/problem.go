package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/loom-lite/loom-lite/pkg/grapheme"
)

// Problem is one thing that is wrong, and what to write instead.
type Problem struct {
	// Location is the way to it from the document's root: names of fields, and places in lists,
	// from 0.
	Location []string
	Text     string
}

// Field writes the location as people do: scenes[0].url. It is empty for the document as a whole.
func (p Problem) Field() string {
	var b strings.Builder
	for _, part := range p.Location {
		switch {
		case isPlace(part):
			b.WriteString("[" + part + "]")
		case b.Len() > 0:
			b.WriteString("." + shortened(part))
		default:
			b.WriteString(shortened(part))
		}
	}
	return b.String()
}

// isPlace reports whether a part of a location is an index, not the name of a field.
func isPlace(part string) bool { return part != "" && strings.Trim(part, "0123456789") == "" }

// shortened bounds the length of a name that the document's author chose.
func shortened(name string) string {
	return grapheme.Shorten(name, 60)
}

// explain returns a validator's error in words.
func explain(root *jsonschema.Schema, e *jsonschema.ValidationError) []Problem {
	here := e.InstanceLocation
	var problems []Problem
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			problems = append(problems, Problem{below(here, name), "there is no such field" + suggest(followed(at(root, here)), name)})
		}
	case *kind.Required:
		for _, name := range k.Missing {
			there := below(here, name)
			problems = append(problems, Problem{here, name + " is missing. " + advice(at(root, there), there)})
		}
	default:
		problems = append(problems, Problem{here, said(e.ErrorKind) + ". " + advice(at(root, here), here)})
	}
	return problems
}

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
		return number(k.Got) + " is too small"
	case *kind.ExclusiveMinimum:
		return number(k.Got) + " is too small"
	case *kind.Maximum:
		return number(k.Got) + " is too large"
	case *kind.MultipleOf:
		return number(k.Got) + " is odd"
	case *kind.MinItems:
		return "the list is empty"
	case *kind.MaxItems:
		return fmt.Sprintf("the list has %d entries, at most %d are allowed", k.Got, k.Want)
	case *kind.MinLength:
		return "the text is empty"
	case *kind.MaxLength:
		return fmt.Sprintf("the text has %d characters, at most %d are allowed", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("there are %d fields, at most %d are allowed", k.Got, k.Want)
	case *kind.Enum:
		words := make([]string, len(k.Want))
		for i, w := range k.Want {
			words[i] = fmt.Sprint(w)
		}
		return "this is none of " + strings.Join(words, ", ")
	case *kind.Pattern:
		return "this text is not of the form that it should have"
	}
	return "this cannot be used"
}

// number writes a number as it was written, at least nearly.
func number(r interface{ Float64() (float64, bool) }) string {
	f, _ := r.Float64()
	text, err := json.Marshal(f)
	if err != nil {
		return "this"
	}
	return string(text)
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
func advice(field *jsonschema.Schema, location []string) string {
	if field == nil {
		return ""
	}
	text, examples := field.Description, field.Examples
	if of := followed(field); text == "" || len(examples) == 0 {
		if text == "" {
			text = of.Description
		}
		if len(examples) == 0 {
			examples = of.Examples
		}
	}
	if len(examples) == 0 {
		return text
	}
	example := written(examples[0])
	if n := len(location); n > 0 && !isPlace(location[n-1]) {
		example = shortened(location[n-1]) + ": " + example
	}
	return text + " Example: " + example
}

// written is an example as one writes it into a file.
func written(example any) string {
	if text, ok := example.(string); ok {
		return text
	}
	text, err := json.Marshal(example)
	if err != nil {
		return fmt.Sprint(example)
	}
	return string(text)
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
		a, b := plain.Replace(strings.ToLower(shortened(name))), plain.Replace(known)
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
