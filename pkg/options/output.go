package options

import (
	"sync"

	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

const (
	outputName = "output_options"
	// maxOutput bounds the options of a video in bytes, as JSON.
	maxOutput = 512 << 10
)

var outputSchema = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(output.Schema) })

// ParseOutput reads the options of a video, as JSON. Nothing, and null, are the zero value. What is
// wrong with them is a *schema.Error.
func ParseOutput(data []byte) (output.Options, error) {
	o, err := parse(outputName, outputSchema, data, maxOutput, func(output.Options) []schema.Problem { return nil })
	if err != nil {
		return output.Options{}, err
	}
	if _, err := Cues(o.Captions); err != nil {
		return output.Options{}, err
	}
	return o, nil
}
