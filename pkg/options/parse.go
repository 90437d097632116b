package options

import "github.com/loom-lite/loom-lite/pkg/schema"

// parse reads options of type T, called name, as JSON of at most limit bytes. check finds what the
// schema cannot say.
func parse[T any](name string, compiled func() (*schema.Schema, error), data []byte, limit int,
	check func(T) []schema.Problem,
) (options T, err error) {
	var none T
	options, problems, err := schema.Decode[T](compiled, data, limit)
	if err != nil {
		return none, err
	}
	if len(problems) == 0 {
		problems = check(options)
	}
	if len(problems) > 0 {
		return none, schema.Wrong(name, problems...)
	}
	return options, nil
}
