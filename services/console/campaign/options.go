package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/loom-lite/loom-lite/pkg/options"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

var optionsSchema = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(scene.Schema) })

// LoadOptions reads a file that holds the options of one scene of a duration, as YAML or JSON. What
// is wrong with it is an *Error.
func LoadOptions(path string, duration time.Duration) (scene.Options, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return scene.Options{}, fmt.Errorf("read options: %w", err)
	}
	data, err := read(abs)
	if err != nil {
		return scene.Options{}, fmt.Errorf("read options: %w", err)
	}
	doc, err := parse(data)
	if err != nil {
		return scene.Options{}, syntaxError(path, err)
	}
	if doc == nil {
		return scene.Options{}, nil // nothing is asked
	}
	problems, err := validate(data, doc, optionsSchema)
	if err != nil {
		return scene.Options{}, err
	}
	if len(problems) > 0 {
		return scene.Options{}, &Error{Path: path, Problems: problems}
	}
	var value map[string]any
	if err := yaml.Unmarshal(data, &value); err != nil {
		return scene.Options{}, syntaxError(path, err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return scene.Options{}, fmt.Errorf("read options: %w", err)
	}
	asked, err := options.ParseScene(text, duration)
	var invalid *schema.Error
	if !errors.As(err, &invalid) {
		return asked, err
	}
	for _, p := range invalid.Problems {
		problems = append(problems, placed(doc, p))
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return scene.Options{}, &Error{Path: path, Problems: problems}
}
