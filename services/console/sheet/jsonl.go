package sheet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// linesReader reads JSON Lines.
type linesReader struct {
	in      *bufio.Reader
	line    int
	columns []string
	places  map[string]int
}

// JSONLines returns a reader of JSON Lines: an object in each line, whose fields are texts,
// numbers, true, false or null. Numbers are kept as they are written. A field that is null is not
// given, and neither is one that a line does not have. Empty lines are passed over.
func JSONLines(r io.Reader) (Reader, error) {
	j := &linesReader{in: bufio.NewReaderSize(r, peek), places: map[string]int{}}
	head, err := j.in.Peek(peek)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return nil, &Error{Code: CodeEncoding, Detail: "the file is in UTF-16: save it as UTF-8"}
	}
	head = bytes.TrimPrefix(head, mark)
	if len(bytes.TrimSpace(head)) == 0 {
		return nil, &Error{Code: CodeHeader, Detail: "the file is empty: each of its lines is a JSON object"}
	}
	return j, nil
}

func (j *linesReader) Columns() []string { return j.columns }

func (j *linesReader) Next() (Row, error) {
	for {
		text, err := j.read()
		if err != nil {
			return Row{}, err
		}
		if len(bytes.TrimSpace(text)) > 0 {
			return j.row(text)
		}
	}
}

// read returns the next line.
func (j *linesReader) read() (text []byte, err error) {
	for {
		part, err := j.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > MaxRow:
			return nil, &Error{Line: j.line + 1, Code: CodeTooLarge, Detail: fmt.Sprintf("the line has more than %d bytes", MaxRow)}
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(text) > 0:
			err = nil
		}
		j.line++
		if j.line == 1 {
			text = bytes.TrimPrefix(text, mark)
		}
		return text, err
	}
}

// row reads a line.
func (j *linesReader) row(text []byte) (Row, error) {
	row := Row{Line: j.line}
	if at := invalid(text); at > 0 {
		return row, &Error{Line: j.line, Column: at, Code: CodeEncoding, Detail: "the line is no UTF-8: save the file as UTF-8"}
	}
	fail := func(column, code, format string, args ...any) {
		row.Faults = append(row.Faults, Fault{Line: j.line, Column: column, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		fail("", CodeSyntax, "the line is no JSON object: write one such as {\"first_name\": \"Ada\"} in each line")
		return row, nil
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return j.broken(row), nil
		}
		name, _ := token.(string)
		var value any
		if err := decoder.Decode(&value); err != nil {
			return j.broken(row), nil
		}
		if seen[name] {
			fail(name, CodeHeader, "the line has this field twice: leave one of them out")
			continue
		}
		seen[name] = true
		cell, ok := scalar(value)
		if !ok {
			fail(name, CodeNotAllowed, "the value is a list or an object, and must be a text, a number, true, false or null")
			continue
		}
		if wrong := checkText(cell.Text); wrong != "" {
			fail(name, CodeNotAllowed, "%s", wrong)
			cell = Cell{Given: true}
		}
		place, known := j.places[name]
		if !known {
			if wrong := checkName(name); wrong != "" || strings.TrimSpace(name) != name {
				fail("", CodeHeader, "the field %s cannot be used: %s", Quote(name), orSpaces(wrong))
				continue
			}
			if len(j.columns) == MaxColumns {
				return row, &Error{Line: j.line, Code: CodeTooLarge, Detail: fmt.Sprintf("the lines have more than %d fields with different names", MaxColumns)}
			}
			place = len(j.columns)
			j.places[name] = place
			j.columns = append(j.columns, name)
		}
		for len(row.Cells) <= place {
			row.Cells = append(row.Cells, Cell{})
		}
		row.Cells[place] = cell
	}
	if _, err := decoder.Token(); err != nil {
		return j.broken(row), nil
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		fail("", CodeSyntax, "something follows the object: each line has one")
	}
	return row, nil
}

// broken is a row that ends in the middle.
func (j *linesReader) broken(row Row) Row {
	row.Faults = append(row.Faults, Fault{Line: j.line, Code: CodeSyntax, Detail: "the line is no whole JSON object: is a quote, a comma or a brace missing?"})
	return row
}

func orSpaces(wrong string) string {
	if wrong == "" {
		return "its name begins or ends with a space"
	}
	return wrong
}

// scalar returns a value as a cell has it.
func scalar(value any) (Cell, bool) {
	switch v := value.(type) {
	case nil:
		return Cell{}, true
	case string:
		return Cell{v, true}, true
	case json.Number:
		return Cell{v.String(), true}, true
	case bool:
		return Cell{fmt.Sprint(v), true}, true
	}
	return Cell{}, false
}

// invalid returns the place of the first byte that is no UTF-8, from 1; 0 if there is none.
func invalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i + 1
		}
		i += size
	}
	return 0
}
