package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Decode reads options of type T, as JSON of at most limit bytes, that a schema describes. Nothing,
// and null, are the zero value. What is wrong with them is in problems, which quote none of their
// texts.
func Decode[T any](compiled func() (*Schema, error), data []byte, limit int) (options T, problems []Problem, err error) {
	if data = bytes.TrimSpace(data); len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return options, nil, nil
	}
	if len(data) > 2*limit {
		return options, []Problem{tooLarge(len(data), limit)}, nil
	}
	value, err := decodeOne(data)
	if err != nil {
		// What encoding/json says of it may quote it.
		return options, []Problem{{Text: "this is not JSON that can be read"}}, nil
	}
	s, err := compiled()
	if err != nil {
		return options, nil, err
	}
	if problems, err = s.Check(value); err != nil || len(problems) > 0 {
		return options, problems, err
	}
	// The schema takes 1.2e3 for a whole number. Encoding it again writes it as one.
	if data, err = json.Marshal(value); err != nil {
		return options, nil, fmt.Errorf("read options: %w", err)
	}
	if err := json.Unmarshal(data, &options); err != nil {
		return options, nil, fmt.Errorf("read options: %w", err)
	}
	if data, err = json.Marshal(options); err != nil {
		return options, nil, fmt.Errorf("read options: %w", err)
	}
	if len(data) > limit {
		return options, []Problem{tooLarge(len(data), limit)}, nil
	}
	return options, nil, nil
}

// decodeOne reads one JSON value.
func decodeOne(data []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value")
	}
	return value, nil
}

func tooLarge(size, limit int) Problem {
	return Problem{Text: fmt.Sprintf("they are too large: %d bytes as JSON, at most %d are possible", size, limit)}
}
