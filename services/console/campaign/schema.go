package campaign

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/schema"
	"github.com/loom-lite/loom-lite/pkg/variables"
)

// Schema is the JSON Schema of campaign files. It refers to scene.Schema, output.Schema,
// facecam.Schema and variables.Schema.
//
//go:embed campaign.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*schema.Schema, error) {
	return schema.Compile(Schema, scene.Schema, output.Schema, facecam.Schema, variables.Schema)
})

// validate checks a file against a schema. doc is the file's root, for line numbers.
func validate(data []byte, doc ast.Node, compiled func() (*schema.Schema, error)) ([]Problem, error) {
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		return nil, syntaxError("", err)
	}
	tried, problems := sampled(value)
	if len(problems) == 0 {
		return validateValue(tried, doc, compiled)
	}
	var list []Problem
	for _, p := range problems {
		list = append(list, placed(doc, p))
	}
	return list, nil
}

func validateValue(value any, doc ast.Node, compiled func() (*schema.Schema, error)) ([]Problem, error) {
	s, err := compiled()
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	found, err := s.Check(value)
	if err != nil {
		return nil, fmt.Errorf("check the file: %w", err)
	}
	var problems []Problem
	for _, p := range found {
		problems = append(problems, placed(doc, p))
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return problems, nil
}

// placed adds the line to a problem.
func placed(doc ast.Node, p schema.Problem) Problem {
	return Problem{Line: lineOf(doc, p.Location), Field: p.Field(), Location: p.Location, Text: p.Text}
}
