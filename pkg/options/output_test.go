package options

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/output"
)

// property is what the test needs to know of a schema.
type property struct {
	Description string               `json:"description"`
	Default     json.RawMessage      `json:"default"`
	Examples    []json.RawMessage    `json:"examples"`
	Required    []string             `json:"required"`
	Properties  map[string]*property `json:"properties"`
}

// Editors, our errors and the documentation show them.
func TestEveryFieldHasADescriptionAndExamplesThatAreTaken(t *testing.T) {
	var root property
	if err := json.Unmarshal(output.Schema, &root); err != nil {
		t.Fatal(err)
	}
	for name, p := range root.Properties {
		if p.Description == "" || len(p.Examples) == 0 {
			t.Errorf("%s has no description, or no example", name)
		}
		for _, value := range p.Examples {
			data := []byte(`{"` + name + `": ` + string(value) + `}`)
			o, err := ParseOutput(data)
			if err != nil {
				t.Errorf("%s is refused: %v", data, err)
			}
			if back, err := json.Marshal(o); err != nil || len(back) <= len("{}") {
				t.Errorf("%s is read as nothing: %s, %v", data, back, err)
			}
		}
		for field, below := range p.Properties {
			// A default that is no value is said in words.
			said := below.Default != nil || strings.Contains(below.Description, "Default: ")
			if below.Description == "" || len(below.Examples) == 0 || !said && !slices.Contains(p.Required, field) {
				t.Errorf("%s.%s has no description, no example, or no default", name, field)
			}
		}
	}
}
