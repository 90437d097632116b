package facecam

import (
	_ "embed"
	"sync"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Schema is the JSON Schema of how the presenter is shown.
//
//go:embed options.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(Schema) })

// Parse reads the options, as JSON. Nothing, and null, are the zero value. What is wrong with them
// is a *schema.Error.
func Parse(data []byte) (Options, error) {
	o, problems, err := schema.Decode[Options](compiled, data, budget.FacecamOptions)
	if err == nil && len(problems) == 0 {
		problems = o.check()
	}
	if err == nil && len(problems) > 0 {
		err = wrong(problems...)
	}
	if err != nil {
		return Options{}, err
	}
	return o, nil
}

// check finds options that do not go together.
func (o Options) check() (problems []schema.Problem) {
	if o.Position != nil && (o.Corner != "" || o.Margin != nil) {
		problems = append(problems, problem("it says where the bubble is, and so do corner and margin. Leave out one or the others").at("position"))
	}
	if o.Aspect != "" && (o.Shape == "" || o.Shape == ShapeCircle) {
		problems = append(problems, problem("a circle is as wide as high. Leave it out, or choose shape: rounded or shape: rectangle").at("aspect"))
	}
	return problems
}

func wrong(problems ...schema.Problem) error { return schema.Wrong("facecam_options", problems...) }
