package scene

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

var update = flag.Bool("update", false, "rewrite the tables of the documentation")

// property is what the tests need to know of a schema.
type property struct {
	ID          string               `json:"$id"`
	Description string               `json:"description"`
	Type        string               `json:"type"`
	Enum        []string             `json:"enum"`
	Default     any                  `json:"default"`
	Examples    []any                `json:"examples"`
	Required    []string             `json:"required"`
	Closed      any                  `json:"additionalProperties"`
	Properties  map[string]*property `json:"properties"`
	Items       *property            `json:"items"`
}

func root(t *testing.T) *property {
	t.Helper()
	var p property
	if err := json.Unmarshal(Schema, &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestEveryFieldHasAPropertyAndEveryPropertyAField(t *testing.T) {
	checkFields(t, "options", reflect.TypeFor[Options](), root(t))
}

func checkFields(t *testing.T, path string, of reflect.Type, p *property) {
	t.Helper()
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.Struct:
		if p.Type != "object" || p.Closed != false {
			t.Errorf("%s: the schema has %s, and %v for other fields", path, p.Type, p.Closed)
		}
		var names []string
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
			below, ok := p.Properties[name]
			if !ok {
				t.Errorf("%s.%s is not in the schema", path, name)
				continue
			}
			checkFields(t, path+"."+name, f.Type, below)
		}
		for name := range p.Properties {
			if !slices.Contains(names, name) {
				t.Errorf("%s.%s is in the schema alone", path, name)
			}
		}
	case reflect.Slice:
		if p.Type != "array" || p.Items == nil {
			t.Errorf("%s: the schema has %s", path, p.Type)
			return
		}
		checkFields(t, path+"[]", of.Elem(), p.Items)
	default:
		want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer",
			reflect.Float64: "number", reflect.Map: "object"}[of.Kind()]
		if p.Type != want && (want != "string" || len(p.Enum) == 0) {
			t.Errorf("%s: the schema has %q, the field is of type %s", path, p.Type, of)
		}
	}
}

// Editors, our errors and the documentation show them.
func TestEveryFieldHasADescriptionADefaultAndAnExampleThatIsTaken(t *testing.T) {
	walk(root(t), "", func(path string, required bool, p *property) {
		if p.Description == "" {
			t.Errorf("%s has no description", path)
		}
		if !required && p.Default == nil && !strings.Contains(p.Description, "Default: ") {
			t.Errorf("%s has no default, nor a word on it", path)
		}
		if len(p.Examples) == 0 {
			t.Errorf("%s has no example", path)
		}
		for _, value := range append(slices.Clone(p.Examples), p.Default) {
			if value == nil {
				continue
			}
			if problems := problemsAt(t, path, value); len(problems) > 0 {
				t.Errorf("%s: %v is refused: %v", path, value, problems)
			}
		}
	})
}

// problemsAt checks options that have value at a path such as cookies[].name, and returns what is
// wrong there.
func problemsAt(t *testing.T, path string, value any) (problems []schema.Problem) {
	t.Helper()
	parts := strings.Split(path, ".")
	for _, part := range slices.Backward(parts) {
		name, inList := strings.CutSuffix(part, "[]")
		if inList {
			value = []any{value}
		}
		value = map[string]any{name: value}
	}
	s, err := schema.Compile(Schema)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Check(value)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if !strings.Contains(p.Text, " is missing. ") {
			problems = append(problems, p)
		}
	}
	return problems
}

// walk calls do for every field, in the order of names, after those around it.
func walk(p *property, path string, do func(path string, required bool, p *property)) {
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range p.Properties {
			if !yield(name) {
				return
			}
		}
	}) {
		field := p.Properties[name]
		here := strings.TrimPrefix(path+"."+name, ".")
		do(here, slices.Contains(p.Required, name), field)
		if field.Items != nil {
			walk(field.Items, here+"[]", do)
		}
		walk(field, here, do)
	}
}

const (
	page  = "../../docs/reference/scene-options.md"
	start = "<!-- from pkg/scene/options.schema.json: go test ./scene -update -->\n"
	end   = "<!-- end -->\n"
)

func TestThePageListsEveryOptionAsTheSchemaHasIt(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), start)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	want := table(t)
	if *update {
		if err := os.WriteFile(page, []byte(before+start+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if got != want {
		t.Errorf("the table of %s is not what the schema says (-update rewrites it):\n%s", page, want)
	}
}

// table is the schema's fields as Markdown, in the order of the struct's.
func table(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| option | | default | example |\n|---|---|---|---|\n")
	fields(t, &b, reflect.TypeFor[Options](), root(t), "")
	return b.String()
}

func fields(t *testing.T, b *strings.Builder, of reflect.Type, p *property, path string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() == reflect.Slice {
		of, p, path = of.Elem(), p.Items, path+"[]"
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		field, here := p.Properties[name], strings.TrimPrefix(path+"."+name, ".")
		meaning, without, _ := strings.Cut(field.Description, "Default: ")
		standard := strings.TrimSuffix(without, ".")
		switch {
		case slices.Contains(p.Required, name):
			standard = "required"
		case field.Default != nil:
			standard = "`" + written(t, field.Default) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | `%s` |\n", here, strings.TrimSpace(meaning), standard, strings.ReplaceAll(written(t, field.Examples[0]), "|", `\|`))
		fields(t, b, of.Field(i).Type, field, here)
	}
}

// written is a value as YAML takes it.
func written(t *testing.T, value any) string {
	t.Helper()
	if text, ok := value.(string); ok && !strings.HasPrefix(text, "#") {
		return text
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
