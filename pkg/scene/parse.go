package scene

import (
	_ "embed"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Schema is the JSON Schema of a scene's options.
//
//go:embed options.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(Schema) })

// Parse reads the options, as JSON, of a scene that lasts for duration. Nothing, and null, are the
// zero value. What is wrong with them is a *schema.Error.
func Parse(data []byte, duration time.Duration) (Options, error) {
	o, problems, err := schema.Decode[Options](compiled, data, budget.SceneOptions)
	if err == nil && len(problems) == 0 {
		problems = o.check(duration)
	}
	if err == nil && len(problems) > 0 {
		err = wrong(problems...)
	}
	if err != nil {
		return Options{}, err
	}
	return o, nil
}

func wrong(problems ...schema.Problem) error { return schema.Wrong("options", problems...) }
