package sheet

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxColumns bounds the columns of a table.
	MaxColumns = 200
	// MaxName bounds the length of a column's name, in characters.
	MaxName = 100
	// MaxCell bounds a cell, in bytes.
	MaxCell = 16 << 10
	// MaxRow bounds a row as it is written, in bytes.
	MaxRow = 256 << 10
)

// Codes of faults and errors.
const (
	CodeEncoding   = "encoding"
	CodeSyntax     = "syntax"
	CodeHeader     = "header"
	CodeTooLarge   = "too_large"
	CodeCells      = "wrong_number_of_cells"
	CodeNotAllowed = "value_not_allowed"
)

// Cell is a row's value in a column.
type Cell struct {
	Text string
	// Given: an empty cell of a CSV is given, and a field that a line of JSON does not have is not.
	Given bool
}

// Row is a row of a table.
type Row struct {
	// Line is where it begins, from 1.
	Line int
	// Cells are in the order of the columns. Columns after the last cell are not given.
	Cells []Cell
	// Faults are what is wrong with it.
	Faults []Fault
}

// Cell returns the row's value in a column, by the column's place.
func (r Row) Cell(i int) Cell {
	if i < 0 || i >= len(r.Cells) {
		return Cell{}
	}
	return r.Cells[i]
}

// Fault is what is wrong with a row.
type Fault struct {
	// Line is where the row begins, from 1.
	Line int `json:"line"`
	// Column is the column's name; empty: it is the row as a whole.
	Column string `json:"column,omitempty"`
	// Code is for programs.
	Code string `json:"code"`
	// Detail says what is wrong and what to do, for people.
	Detail string `json:"detail"`
}

func (f Fault) String() string {
	if f.Column == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Detail)
	}
	return fmt.Sprintf("line %d, column %s: %s", f.Line, Quote(f.Column), f.Detail)
}

// Error is what is wrong with a table as a whole.
type Error struct {
	// Line and Column are where it is seen, from 1, Column in bytes; 0: not at one place.
	Line, Column int
	Code         string
	Detail       string
}

func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Detail
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Detail)
	}
	return fmt.Sprintf("line %d, byte %d: %s", e.Line, e.Column, e.Detail)
}

// Reader reads a table.
type Reader interface {
	// Columns are the names of the columns that are known so far. Those of a CSV are known from the
	// beginning, and are never more.
	Columns() []string
	// Next returns the next row, or io.EOF. Any other error is an *Error, or the source's own, and
	// ends the reading. The row is the caller's.
	Next() (Row, error)
}

// Quote returns a name or a value for a message: short, in one line, and in quotes.
func Quote(text string) string {
	const most = 40
	shown := make([]rune, 0, most)
	for _, r := range text {
		if len(shown) == most {
			shown = append(shown, '…')
			break
		}
		if !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		shown = append(shown, r)
	}
	return "“" + string(shown) + "”"
}

// checkName says what is wrong with a column's name, and nothing if it can be used.
func checkName(name string) string {
	switch {
	case name == "":
		return "it has no name"
	case utf8.RuneCountInString(name) > MaxName:
		return fmt.Sprintf("its name has more than %d characters", MaxName)
	case strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
	}):
		return "its name has a line break or another control character"
	}
	return ""
}

// checkText says what is wrong with a cell's text, and nothing if it can be used.
func checkText(text string) string {
	switch {
	case len(text) > MaxCell:
		return fmt.Sprintf("the cell has %d bytes, and may have %d", len(text), MaxCell)
	case strings.ContainsRune(text, 0):
		return "the cell has a zero byte: take it out"
	}
	return ""
}
