package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// asked returns what is asked of the video beyond size and rate, and what the file's schema could
// not see to be wrong with it.
func (t text) asked(root *os.Root) (output.Options, []schema.Problem, error) {
	if len(t.Asked) == 0 {
		return output.Options{}, nil, nil
	}
	asked, err := t.withCaptions(root)
	if err != nil {
		return output.Options{}, []schema.Problem{{Location: []string{"captions", "file"}, Text: err.Error()}}, nil
	}
	data, err := json.Marshal(asked)
	if err != nil {
		return output.Options{}, nil, err
	}
	o, err := output.Parse(data)
	var invalid *schema.Error
	if errors.As(err, &invalid) {
		for i, p := range invalid.Problems {
			invalid.Problems[i] = t.inFile(p)
		}
		return output.Options{}, invalid.Problems, nil
	}
	return o, nil, err
}

// Output returns what is asked of the video beyond size and rate, as JSON that output.Parse takes;
// nil when nothing is. base is as in Ref.URL.
func (c *Campaign) Output(base string) (json.RawMessage, error) {
	o := c.output
	if o == (output.Options{}) {
		return nil, nil
	}
	if c.Watermark != nil {
		mark := *o.Watermark
		mark.URL = c.Watermark.URL(base)
		o.Watermark = &mark
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write output_options: %w", err)
	}
	return data, nil
}
