package sheet

import (
	"encoding/csv"
	"io"
	"regexp"
)

// Writer writes a CSV that is safe to open in a spreadsheet.
type Writer struct{ csv *csv.Writer }

// NewWriter returns a writer of a CSV: UTF-8 without a byte order mark, commas, and lines that end
// with a line feed.
func NewWriter(w io.Writer) *Writer { return &Writer{csv.NewWriter(w)} }

// Write writes a row.
func (w *Writer) Write(cells []string) error {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = Safe(cell)
	}
	return w.csv.Write(safe)
}

// Flush writes what is held back.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// number is what a spreadsheet reads as a number, and does not carry out.
var number = regexp.MustCompile(`^[+-][0-9]+([.,][0-9]+)?$`)

// Safe returns a cell that no spreadsheet takes for a formula: one that begins like a formula has
// an apostrophe before it, unless it is a number with a sign.
func Safe(cell string) string {
	if cell == "" || number.MatchString(cell) {
		return cell
	}
	switch cell[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return "'" + cell
	}
	return cell
}
