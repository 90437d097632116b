package output

import (
	_ "embed"
	"sync"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Schema is the JSON Schema of a video's options.
//
//go:embed options.schema.json
var Schema []byte

// maxSize bounds the options in bytes, as JSON.
const maxSize = 512 << 10

var compiled = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(Schema) })

// Parse reads the options, as JSON. Nothing, and null, are the zero value. What is wrong with them
// is a *schema.Error.
func Parse(data []byte) (Options, error) {
	o, problems, err := schema.Decode[Options](compiled, data, maxSize)
	if err == nil && len(problems) > 0 {
		err = schema.Wrong(name, problems...)
	}
	if err == nil {
		_, err = o.Captions.Cues()
	}
	if err != nil {
		return Options{}, err
	}
	return o, nil
}

// name is what the options are called.
const name = "output_options"
