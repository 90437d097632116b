package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// csvReader reads a CSV.
type csvReader struct {
	in      *bounded
	csv     *csv.Reader
	columns []string
	// skipped is how many lines were taken off before the header.
	skipped int
	// last is the line of the row before.
	last int
}

// CSV returns a reader of a CSV with a header. The header is read at once.
//
// The file is UTF-8, with a byte order mark or without. Cells are divided by commas, semicolons or
// tabs: whichever the header has most of. A cell in quotes may hold what divides cells and lines,
// and quotes that are doubled. Rows whose cells are all empty are passed over.
func CSV(r io.Reader) (Reader, error) {
	in := &bounded{in: r, left: MaxRow + peek}
	text := bufio.NewReaderSize(in, peek)
	head, err := text.Peek(peek)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, err
	}
	if err := encoding(head); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(head, mark) {
		_, _ = text.Discard(len(mark))
		head = head[len(mark):]
	}
	c := &csvReader{in: in}
	divider, given := named(head)
	if given {
		// What spreadsheets write for one another: it is no row.
		line, _ := text.ReadString('\n')
		head = head[min(len(line), len(head)):]
		c.skipped = 1
	}
	if !given {
		divider = divides(head)
	}
	c.csv = csv.NewReader(text)
	c.csv.Comma, c.csv.FieldsPerRecord, c.csv.ReuseRecord = divider, -1, true
	if err := c.header(); err != nil {
		return nil, err
	}
	return c, nil
}

const peek = 64 << 10

// mark is UTF-8's byte order mark.
var mark = []byte("\xef\xbb\xbf")

// encoding refuses what is not UTF-8 by its first bytes.
func encoding(head []byte) error {
	const how = ": save the file as “CSV UTF-8” and send that"
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return &Error{Code: CodeEncoding, Detail: "the file is in UTF-16" + how}
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return &Error{Code: CodeEncoding, Detail: "the file is a spreadsheet or an archive, and no CSV" + how}
	case len(bytes.TrimSpace(bytes.TrimPrefix(head, mark))) == 0:
		return &Error{Code: CodeHeader, Detail: "the file is empty: its first line names the columns"}
	}
	return nil
}

// named returns the divider that a first line such as “sep=;” names.
func named(head []byte) (divider rune, given bool) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	rest, found := bytes.CutPrefix(line, []byte("sep="))
	if !found || len(rest) != 1 || !strings.ContainsRune(dividers, rune(rest[0])) {
		return 0, false
	}
	return rune(rest[0]), true
}

const dividers = ",;\t"

// divides returns what the header's names are divided by: what it has most of outside of quotes.
func divides(head []byte) rune {
	counts := map[byte]int{}
	quoted := false
	for _, c := range head {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' {
			break
		}
		counts[c]++
	}
	best := byte(',')
	for _, c := range []byte(dividers) {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return rune(best)
}

// header reads the names of the columns.
func (c *csvReader) header() error {
	names, err := c.read()
	if errors.Is(err, io.EOF) {
		return &Error{Code: CodeHeader, Detail: "the file is empty: its first line names the columns"}
	}
	if err != nil {
		return err
	}
	line := c.last
	fail := func(i int, format string, args ...any) error {
		_, at := c.csv.FieldPos(i)
		return &Error{Line: line, Column: at, Code: CodeHeader, Detail: fmt.Sprintf(format, args...)}
	}
	// Spreadsheets write columns that once had something.
	for len(names) > 1 && strings.TrimSpace(names[len(names)-1]) == "" {
		names = names[:len(names)-1]
	}
	if len(names) > MaxColumns {
		return fail(MaxColumns, "the header has %d columns, and may have %d", len(names), MaxColumns)
	}
	first := map[string]int{}
	for i, name := range names {
		if !utf8.ValidString(name) {
			return fail(i, "the name of column %d is no UTF-8: save the file as “CSV UTF-8” and send that", i+1)
		}
		name = strings.TrimSpace(name)
		if wrong := checkName(name); wrong != "" {
			if strings.Contains(name, "\r") {
				wrong = "the file's lines end with a carriage return alone: save it with line feeds"
			}
			return fail(i, "column %d of the header cannot be used: %s", i+1, wrong)
		}
		if other, twice := first[name]; twice {
			return fail(i, "columns %d and %d are both called %s: rename one of them", other+1, i+1, Quote(name))
		}
		first[name] = i
		c.columns = append(c.columns, name)
	}
	return nil
}

// read returns the next record, which is the reader's.
func (c *csvReader) read() ([]string, error) {
	c.in.left = MaxRow + peek
	from := c.csv.InputOffset()
	cells, err := c.csv.Read()
	if errors.Is(err, errLong) || c.csv.InputOffset()-from > MaxRow {
		return nil, &Error{Line: c.last + 1, Code: CodeTooLarge, Detail: fmt.Sprintf("the row here has more than %d bytes: is a quote left open?", MaxRow)}
	}
	if err == nil {
		line, _ := c.csv.FieldPos(0)
		c.last = line + c.skipped
	}
	if err == nil || errors.Is(err, io.EOF) {
		return cells, err
	}
	var wrong *csv.ParseError
	if !errors.As(err, &wrong) {
		return nil, err // the source's
	}
	detail := "the file is no CSV from here on"
	switch {
	case errors.Is(wrong.Err, csv.ErrQuote):
		detail = fmt.Sprintf("a quote is not closed, or something follows it, in the row of line %d: a quote inside of quotes is written twice (\"\")", wrong.StartLine+c.skipped)
	case errors.Is(wrong.Err, csv.ErrBareQuote):
		detail = "a quote stands in the middle of a cell: put the whole cell in quotes, and write this one twice (\"\")"
	}
	return nil, &Error{Line: wrong.Line + c.skipped, Column: wrong.Column, Code: CodeSyntax, Detail: detail}
}

func (c *csvReader) Columns() []string { return c.columns }

func (c *csvReader) Next() (Row, error) {
	for {
		cells, err := c.read()
		if err != nil {
			return Row{}, err
		}
		empty := true
		for _, cell := range cells {
			empty = empty && strings.TrimSpace(cell) == ""
		}
		if empty {
			continue
		}
		return c.row(c.last, cells)
	}
}

// row checks a record.
func (c *csvReader) row(line int, cells []string) (Row, error) {
	row := Row{Line: line, Cells: make([]Cell, 0, len(c.columns))}
	for i, text := range cells {
		if !utf8.ValidString(text) {
			at, column := c.csv.FieldPos(i)
			name := fmt.Sprintf("column %d", i+1)
			if i < len(c.columns) {
				name = "the column " + Quote(c.columns[i])
			}
			return row, &Error{Line: at + c.skipped, Column: column, Code: CodeEncoding,
				Detail: fmt.Sprintf("the cell of %s is no UTF-8: save the file as “CSV UTF-8” and send that", name)}
		}
		if i < len(c.columns) {
			// Its bytes are a part of the whole record's.
			row.Cells = append(row.Cells, Cell{strings.Clone(text), true})
			if wrong := checkText(text); wrong != "" {
				row.Cells[i] = Cell{Given: true}
				row.Faults = append(row.Faults, Fault{Line: line, Column: c.columns[i], Code: CodeNotAllowed, Detail: wrong})
			}
		}
	}
	for len(cells) > len(c.columns) && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != len(c.columns) {
		row.Faults = append(row.Faults, Fault{Line: line, Code: CodeCells,
			Detail: fmt.Sprintf("the row has %d cells, and the header %d: a cell with a %s in it stands in quotes", len(cells), len(c.columns), dividerName(c.csv.Comma))})
	}
	return row, nil
}

func dividerName(divider rune) string {
	switch divider {
	case ';':
		return "semicolon"
	case '\t':
		return "tab"
	}
	return "comma"
}

// errLong says that a row has more than MaxRow bytes.
var errLong = errors.New("the row is too long")

// bounded hands out left bytes, and then errLong.
type bounded struct {
	in   io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
