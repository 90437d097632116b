package batches

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/variables"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

// checker checks the rows of a list, one after the other.
type checker struct {
	values   values
	column   string // of external ids
	required bool   // somebody has named that column
	columns  int    // that were looked at
	id       int    // the place of column; -1: none
	variable []bool // by column: it is a declared variable
	// seen are the lines of external ids, by a hash: ids may be long.
	seen map[[16]byte]int
	rows int
}

func newChecker(v values, r Request) *checker {
	return &checker{values: v, column: cmp.Or(r.Column, IDColumn), required: r.Column != "", id: -1, seen: map[[16]byte]int{}}
}

// row is a row that was checked.
type row struct {
	Place        int             `json:"place"`
	Line         int             `json:"line"`
	ExternalID   *string         `json:"external_id"`
	Cells        []*string       `json:"cells"`
	Variables    json.RawMessage `json:"variables,omitempty"`
	ErrorCode    *string         `json:"error_code"`
	ErrorMessage *string         `json:"error_message"`

	faults []sheet.Fault
	given  variables.Values
}

// header looks at columns that are new.
func (c *checker) header(columns []string) {
	for ; c.columns < len(columns); c.columns++ {
		name := columns[c.columns]
		if name == c.column {
			c.id = c.columns
		}
		c.variable = append(c.variable, c.values.declared(name) || name != c.column && c.values.takes(name))
	}
}

// undeclared are the columns that are no variables.
func (c *checker) undeclared(columns []string) (names []string) {
	for i, name := range columns {
		if !c.variable[i] && i != c.id {
			names = append(names, name)
		}
	}
	return names
}

// check checks a row.
func (c *checker) check(columns []string, r sheet.Row) (row, error) {
	c.header(columns)
	c.rows++
	if c.rows > MostRows {
		return row{}, ErrTooMany
	}
	out := row{Place: c.rows, Line: r.Line, Cells: make([]*string, len(r.Cells)), faults: r.Faults}
	given := variables.Values{}
	for i, cell := range r.Cells {
		if !cell.Given {
			continue
		}
		out.Cells[i] = &r.Cells[i].Text
		if c.variable[i] {
			given[columns[i]] = variables.Value(cell.Text)
		} else if i != c.id && !c.values.Lenient {
			out.faults = append(out.faults, sheet.Fault{Line: r.Line, Column: columns[i], Code: CodeUndeclared, Detail: undeclared})
		}
	}
	c.external(r, &out)
	if len(r.Faults) == 0 {
		text, faults := c.values.check(given)
		out.Variables, out.given = text, given
		for _, f := range faults {
			f.Line = r.Line
			out.faults = append(out.faults, f)
		}
	}
	if len(out.faults) > 0 {
		first := out.faults[0]
		out.ErrorCode, out.Variables = &first.Code, nil
		text := explain(out.faults)
		out.ErrorMessage = &text
	}
	return out, nil
}

const undeclared = "the campaign declares no such variable: declare it, leave the column out, or set strict to false in the campaign's variables"

// explain says what is wrong with a row.
func explain(faults []sheet.Fault) string {
	const most = 3
	var parts []string
	for _, f := range faults[:min(most, len(faults))] {
		parts = append(parts, strings.TrimPrefix(f.String(), fmt.Sprintf("line %d: ", f.Line)))
	}
	if more := len(faults) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// external checks the row's external id.
func (c *checker) external(r sheet.Row, out *row) {
	cell := r.Cell(c.id)
	fail := func(code, format string, args ...any) {
		out.faults = append(out.faults, sheet.Fault{Line: r.Line, Column: c.column, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	if !cell.Given || cell.Text == "" {
		if c.id >= 0 || c.required {
			fail(CodeID, "the row has no external id: give each row one, or leave the column out")
		}
		return
	}
	id := cell.Text
	switch {
	case len(id) > MostID:
		fail(CodeID, "the external id has more than %d bytes", MostID)
		return
	case strings.TrimSpace(id) != id:
		fail(CodeID, "the external id begins or ends with a space: take it away")
		return
	}
	hash := sha256.Sum256([]byte(id))
	if line, twice := c.seen[[16]byte(hash[:16])]; twice {
		fail(CodeDuplicateID, "line %d has the same external id: rows are told apart by it", line)
		return
	}
	c.seen[[16]byte(hash[:16])] = r.Line
	out.ExternalID = &id
}

// each calls f for each row of a list, after it was checked.
func each(r Request, v values, header func(columns []string, c *checker) error, f func(columns []string, one row, text sheet.Row) error) (err error) {
	list, closer, err := r.Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	c := newChecker(v, r)
	if columns := list.Columns(); columns != nil {
		c.header(columns)
		if err := header(columns, c); err != nil {
			return err
		}
	}
	for {
		text, err := list.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		one, err := c.check(list.Columns(), text)
		if err != nil {
			return err
		}
		if err := f(list.Columns(), one, text); err != nil {
			return err
		}
	}
}

// check reads a whole list, and writes nothing. known counts which external ids have renders.
func check(ctx context.Context, r Request, t target, known func(ids []string) (int, error)) (Preview, error) {
	p := Preview{Faults: []sheet.Fault{}, Warnings: []string{}, Columns: []string{}}
	v, shared := t.values, newSharing(t.scenes, t.whole)
	var ids []string
	count := func(least int) error {
		if len(ids) < least {
			return nil
		}
		n, err := known(ids)
		p.Earlier += n
		ids = ids[:0]
		return err
	}
	other := map[string]bool{}
	var checked *checker
	err := each(r, v, func(columns []string, c *checker) error {
		checked = c
		if c.required && c.id < 0 {
			return &sheet.Error{Line: 1, Code: CodeID, Detail: fmt.Sprintf("there is no column %s, which is to have the external ids", sheet.Quote(c.column))}
		}
		if names := c.undeclared(columns); !v.Lenient && len(names) > 0 {
			return &sheet.Error{Line: 1, Code: CodeUndeclared, Detail: fmt.Sprintf("column %s: %s", quoted(names), undeclared)}
		}
		return nil
	}, func(columns []string, one row, _ sheet.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.Rows++
		p.Columns = columns
		for i := range one.Cells {
			if one.Cells[i] != nil && !v.declared(columns[i]) && columns[i] != cmp.Or(r.Column, IDColumn) {
				other[columns[i]] = true
			}
		}
		if len(one.faults) > 0 {
			p.Invalid++
			p.Faults = append(p.Faults, one.faults[:min(len(one.faults), mostFaults-len(p.Faults))]...)
			return nil
		}
		shared.add(one.given)
		if one.ExternalID == nil {
			return nil
		}
		ids = append(ids, *one.ExternalID)
		return count(chunk)
	})
	if err == nil {
		err = count(1)
	}
	if err != nil {
		return p, err
	}
	if p.Rows == 0 {
		return p, ErrEmpty
	}
	if len(other) > 0 {
		names := make([]string, 0, len(other))
		for name := range other {
			names = append(names, name)
		}
		slices.Sort(names)
		p.Warnings = append(p.Warnings, fmt.Sprintf("column %s: the campaign declares no such variable, so nothing of it is in the videos", quoted(names)))
	}
	if checked == nil && !slices.Contains(p.Columns, cmp.Or(r.Column, IDColumn)) || checked != nil && checked.id < 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("there is no column %s: a list that is sent again is rendered again", IDColumn))
	}
	p.Renders = p.Rows - p.Invalid - p.Earlier
	p.Recordings, p.Segments = shared.recorded(), shared.encoded()
	return p, nil
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = sheet.Quote(name)
	}
	return strings.Join(list, ", ")
}

// campaignOf is the id of a campaign that is sent along.
func campaignOf(user *uuid.UUID, text []byte) uuid.UUID {
	owner := ""
	if user != nil {
		owner = user.String()
	}
	return uuid.NewSHA1(campaigns, append([]byte(owner+"\n"), text...))
}

// campaigns is the namespace of campaigns that were sent along with a list.
var campaigns = uuid.MustParse("0d2f3f0a-77d7-4c9f-a3f5-3c1d7f1a6f6b")
