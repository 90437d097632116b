package schema

import (
	"math"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const outer = `{
	"$id": "https://schemas.example/a/outer.json", "type": "object", "additionalProperties": false, "required": ["list"],
	"properties": {
		"list": {"description": "What there is.", "type": "array", "minItems": 1, "items": {"$ref": "../b/inner.json"}, "examples": [[{"size": 2}]]},
		"words": {"description": "Words.", "type": "object", "additionalProperties": {"description": "A word.", "type": "string"}},
		"pair": {"description": "Here.", "$ref": "../b/inner.json"}
	}}`

const inner = `{
	"$id": "https://schemas.example/b/inner.json", "description": "One thing.", "type": "object", "additionalProperties": false,
	"examples": [{"size": 3}],
	"properties": {
		"size": {"description": "How large.", "type": "integer", "minimum": 1, "examples": [2]},
		"share": {"description": "How much.", "type": "number", "exclusiveMinimum": 0, "maximum": 1, "examples": [0.5]},
		"name": {"description": "What it is called.", "type": "string", "pattern": "^[a-z]+$", "maxLength": 9, "examples": ["tern"]},
		"kind": {"description": "Which.", "enum": ["bird", "fish"], "examples": ["fish"]}
	}}`

func TestProblemsAreToldByPlaceInWordsWithoutWhatWasWritten(t *testing.T) {
	s, err := Compile([]byte(outer), []byte(inner))
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	one := func(thing any) object { return object{"list": []any{thing}} }
	for name, c := range map[string]struct {
		value any
		want  []string
	}{
		"nothing wrong":      {one(object{"size": 1.0, "share": 1.0, "name": "tern", "kind": "bird"}), nil},
		"missing":            {object{}, []string{": list is missing. What there is. Example: list: [{\"size\":2}]"}},
		"empty":              {object{"list": []any{}}, []string{"list: the list is empty. What there is. Example: list: [{\"size\":2}]"}},
		"behind a reference": {one(object{"size": 0.0}), []string{"list[0].size: 0 is too small. How large. Example: size: 2"}},
		"a fraction":         {one(object{"size": 1.5}), []string{"list[0].size: this is a fraction, not a whole number. How large. Example: size: 2"}},
		"not above":          {one(object{"share": 0.0}), []string{"list[0].share: 0 is too small. How much. Example: share: 0.5"}},
		"infinite":           {one(object{"share": math.Inf(1)}), []string{"list[0].share: this is no number that can be counted with. How much. Example: share: 0.5"}},
		"not a number":       {one(math.NaN()), []string{"list[0]: this is no number that can be counted with. One thing. Example: {\"size\":3}"}},
		"a secret's form":    {one(object{"name": "hunter2"}), []string{"list[0].name: this text is not of the form that it should have. What it is called. Example: name: tern"}},
		"a secret's length":  {one(object{"name": "hunterhunter"}), []string{"list[0].name: the text has 12 characters, at most 9 are allowed. What it is called. Example: name: tern"}},
		"a secret's choice":  {one(object{"kind": "hunter2"}), []string{"list[0].kind: this is none of bird, fish. Which. Example: kind: fish"}},
		"a secret's type":    {one("hunter2"), []string{"list[0]: this is a text, not a group of fields. One thing. Example: {\"size\":3}"}},
		"a misspelt name":    {one(object{"sise": 1.0}), []string{"list[0].sise: there is no such field: did you mean size?"}},
		"a strange name":     {one(object{"zzzzzz": 1.0}), []string{"list[0].zzzzzz: there is no such field. There are: kind, name, share, size"}},
		"among any names":    {object{"list": []any{object{}}, "words": object{"X-A": 5.0}}, []string{"words.X-A: this is a number, not a text. A word."}},
		"said at the use":    {object{"list": []any{object{}}, "pair": 5.0}, []string{"pair: this is a number, not a group of fields. Here. Example: pair: {\"size\":3}"}},
		"several":            {one(object{"size": nil, "kind": 1.0}), []string{"list[0].kind: this is none of bird, fish. Which. Example: kind: fish", "list[0].size: there is nothing here. How large. Example: size: 2"}},
	} {
		problems, err := s.Check(c.value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.Field()+": "+p.Text)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
		if strings.Contains(strings.Join(got, " "), "hunter") {
			t.Errorf("%s quotes what was written: %q", name, got)
		}
	}
}

func TestASchemaThatRefersToNothingIsRefused(t *testing.T) {
	if _, err := Compile([]byte(outer)); err == nil {
		t.Error("it was fetched, or taken for nothing")
	}
	if _, err := Compile([]byte(`{"type": "object"}`)); err == nil {
		t.Error("a schema without $id was taken")
	}
}

func TestLongNamesAreShortened(t *testing.T) {
	if got := (Problem{Location: []string{"a", "0", strings.Repeat("é", 100)}}).Field(); got != "a[0]."+strings.Repeat("é", 60)+"…" {
		t.Errorf("got %s", got)
	}
}
