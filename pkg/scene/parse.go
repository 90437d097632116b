package scene

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Schema is the JSON Schema of a scene's options.
//
//go:embed options.schema.json
var Schema []byte

// MaxSize bounds a scene's options in bytes, as JSON: a grant that holds them must fit into a message.
const MaxSize = 256 << 10

var compiled = sync.OnceValues(func() (*schema.Schema, error) { return schema.Compile(Schema) })

// Error says what is wrong with a scene's options. It quotes none of their texts, which may be secrets.
type Error struct {
	// Problems has at least one, in the order of their fields.
	Problems []schema.Problem
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = "options: " + p.Text
		if field := p.Field(); field != "" {
			lines[i] = "options." + field + ": " + p.Text
		}
	}
	return strings.Join(lines, "\n")
}

// Parse reads the options, as JSON, of a scene that lasts for duration. Nothing, and null, are the zero value. What is
// wrong with them is an *Error.
func Parse(data []byte, duration time.Duration) (Options, error) {
	if data = bytes.TrimSpace(data); len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return Options{}, nil
	}
	if len(data) > 2*MaxSize {
		return Options{}, wrong(tooLarge(len(data)))
	}
	value, err := decode(data)
	if err != nil {
		// What encoding/json says of it may quote it.
		return Options{}, wrong(schema.Problem{Text: "this is not JSON that can be read"})
	}
	s, err := compiled()
	if err != nil {
		return Options{}, err
	}
	problems, err := s.Check(value)
	if err != nil {
		return Options{}, fmt.Errorf("check options: %w", err)
	}
	if len(problems) > 0 {
		return Options{}, wrong(problems...)
	}
	// Written anew, 1.2e3 is the whole number that the schema takes it for.
	if data, err = json.Marshal(value); err != nil {
		return Options{}, fmt.Errorf("read options: %w", err)
	}
	var o Options
	if err := json.Unmarshal(data, &o); err != nil {
		return Options{}, fmt.Errorf("read options: %w", err)
	}
	if problems := o.check(duration); len(problems) > 0 {
		return Options{}, wrong(problems...)
	}
	if data, err = json.Marshal(o); err != nil {
		return Options{}, fmt.Errorf("read options: %w", err)
	}
	if len(data) > MaxSize {
		return Options{}, wrong(tooLarge(len(data)))
	}
	return o, nil
}

// decode reads one JSON value.
func decode(data []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value")
	}
	return value, nil
}

func tooLarge(size int) schema.Problem {
	return schema.Problem{Text: fmt.Sprintf("they are too large: %d bytes as JSON, at most %d are possible", size, MaxSize)}
}

func wrong(problems ...schema.Problem) error {
	slices.SortStableFunc(problems, func(a, b schema.Problem) int { return slices.Compare(a.Location, b.Location) })
	return &Error{Problems: problems}
}
