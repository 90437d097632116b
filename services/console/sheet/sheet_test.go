package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// all reads a table: its rows as texts, "-" where a cell is not given.
func all(t testing.TB, r Reader, err error) (rows []Row, texts [][]string, failure error) {
	t.Helper()
	if err != nil {
		return nil, nil, err
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, texts, nil
		}
		if err != nil {
			return rows, texts, err
		}
		rows = append(rows, row)
		var text []string
		for _, c := range row.Cells {
			if !c.Given {
				c.Text = "-"
			}
			text = append(text, c.Text)
		}
		texts = append(texts, text)
	}
}

func TestACSVIsReadAsSpreadsheetsWriteIt(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		columns []string
		rows    [][]string
		lines   []int
	}{
		"plain":               {"name,age\nAda,36\n", []string{"name", "age"}, [][]string{{"Ada", "36"}}, []int{2}},
		"byte order mark":     {"\xef\xbb\xbfname,age\nAda,36", []string{"name", "age"}, [][]string{{"Ada", "36"}}, []int{2}},
		"semicolons":          {"name;town\r\nAda;Bern, CH\r\n", []string{"name", "town"}, [][]string{{"Ada", "Bern, CH"}}, []int{2}},
		"tabs":                {"name\ttown\nAda\tBern", []string{"name", "town"}, [][]string{{"Ada", "Bern"}}, []int{2}},
		"sep line":            {"sep=;\nname;a,b,c\nAda;x\n", []string{"name", "a,b,c"}, [][]string{{"Ada", "x"}}, []int{3}},
		"divider in quotes":   {"\"a,b,c\";d\nx;y\n", []string{"a,b,c", "d"}, [][]string{{"x", "y"}}, []int{2}},
		"line break in cell":  {"name,text\n\"Ada\",\"one\ntwo\"\nBob,three\n", []string{"name", "text"}, [][]string{{"Ada", "one\ntwo"}, {"Bob", "three"}}, []int{2, 4}},
		"quotes":              {"name\n\"a \"\"b\"\" c\"\n", []string{"name"}, [][]string{{`a "b" c`}}, []int{2}},
		"empty is given":      {"a,b\n1,\n", []string{"a", "b"}, [][]string{{"1", ""}}, []int{2}},
		"leading zeros":       {"zip,phone\n00123,+41791\n", []string{"zip", "phone"}, [][]string{{"00123", "+41791"}}, []int{2}},
		"empty rows":          {"a,b\n\n,\n1,2\n , \n", []string{"a", "b"}, [][]string{{"1", "2"}}, []int{4}},
		"names are trimmed":   {" a , b \n1, 2 \n", []string{"a", "b"}, [][]string{{"1", " 2 "}}, []int{2}},
		"columns without use": {"a,b,,\n1,2,,\n", []string{"a", "b"}, [][]string{{"1", "2"}}, []int{2}},
		"one column":          {"name\nAda\nBob\n", []string{"name"}, [][]string{{"Ada"}, {"Bob"}}, []int{2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := CSV(strings.NewReader(c.text))
			rows, texts, err := all(t, r, err)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.Columns(), c.columns) {
				t.Errorf("columns %q, want %q", r.Columns(), c.columns)
			}
			if fmt.Sprint(texts) != fmt.Sprint(c.rows) {
				t.Errorf("rows %q, want %q", texts, c.rows)
			}
			for i, row := range rows {
				if row.Line != c.lines[i] || len(row.Faults) > 0 {
					t.Errorf("row %d is in line %d with faults %v, want line %d", i, row.Line, row.Faults, c.lines[i])
				}
			}
		})
	}
}

func TestWhatIsWrongWithATableSaysWhereAndWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		lines     bool // JSON Lines
		line      int
		code, say string
	}{
		"empty":           {"", false, 0, CodeHeader, "names the columns"},
		"white space":     {" \n \n", false, 0, CodeHeader, "names the columns"},
		"UTF-16":          {"\xff\xfen\x00", false, 0, CodeEncoding, "CSV UTF-8"},
		"a spreadsheet":   {"PK\x03\x04abc", false, 0, CodeEncoding, "CSV UTF-8"},
		"Latin-1 header":  {"pr\xe9nom\nx\n", false, 1, CodeEncoding + "/" + CodeHeader, "CSV UTF-8"},
		"Latin-1 cell":    {"name,a\nx,y\nAndr\xe9,z\n", false, 3, CodeEncoding, "“name”"},
		"twice":           {"a,b,a\n1,2,3\n", false, 1, CodeHeader, "columns 1 and 3 are both called “a”"},
		"no name":         {"a,,b\n1,2,3\n", false, 1, CodeHeader, "column 2"},
		"carriage return": {"a,b\r1,2\r", false, 1, CodeHeader, "carriage return"},
		"open quote":      {"a,b\n1,2\n\"x,y\nz\n", false, 0, CodeSyntax, "row of line 3"},
		"bare quote":      {"a,b\n1,x\"y\n", false, 2, CodeSyntax, "middle of a cell"},
		"long row":        {"a\nx\n\"" + strings.Repeat("y\n", MaxRow), false, 3, CodeTooLarge, "quote left open"},
		"many columns":    {strings.Repeat("a", 1) + strings.Repeat(",b", MaxColumns) + "\n", false, 1, CodeHeader, "may have 200"},
		"long name":       {strings.Repeat("n", MaxName+1) + "\nx\n", false, 1, CodeHeader, "100 characters"},
		"lines in Latin":  {"{\"a\": \"x\"}\n{\"a\": \"\xe9\"}\n", true, 2, CodeEncoding, "UTF-8"},
		"a long line":     {"{\"a\": \"x\"}\n{\"a\": \"" + strings.Repeat("y", MaxRow) + "\"}\n", true, 2, CodeTooLarge, "bytes"},
		"no lines":        {"\n\n", true, 0, CodeHeader, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			var r Reader
			var err error
			if c.lines {
				r, err = JSONLines(strings.NewReader(c.text))
			} else {
				r, err = CSV(strings.NewReader(c.text))
			}
			_, _, err = all(t, r, err)
			var wrong *Error
			if !errors.As(err, &wrong) {
				t.Fatalf("it was read, or failed otherwise: %v", err)
			}
			if !strings.Contains(c.code, wrong.Code) || !strings.Contains(wrong.Detail, c.say) || c.line != 0 && wrong.Line != c.line {
				t.Errorf("%s at line %d: %v; want %s at line %d and %q", wrong.Code, wrong.Line, wrong, c.code, c.line, c.say)
			}
		})
	}
}

func TestARowWithFaultsEndsNothing(t *testing.T) {
	r, err := CSV(strings.NewReader("a,b\n1\n1,2,3\n1,\"" + strings.Repeat("x", MaxCell+1) + "\"\n1,a\x00\n5,6\n"))
	rows, texts, err := all(t, r, err)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, row := range rows {
		for _, f := range row.Faults {
			codes = append(codes, fmt.Sprintf("%d %s %s", f.Line, f.Column, f.Code))
		}
	}
	if got, want := strings.Join(codes, ", "), "2  wrong_number_of_cells, 3  wrong_number_of_cells, 4 b value_not_allowed, 5 b value_not_allowed"; got != want {
		t.Errorf("faults %q, want %q", got, want)
	}
	if last := texts[len(texts)-1]; !slices.Equal(last, []string{"5", "6"}) {
		t.Errorf("the last row is %q", last)
	}
}

func TestJSONLinesKeepWhatIsWritten(t *testing.T) {
	r, err := JSONLines(strings.NewReader("\xef\xbb\xbf" + `{"id": 0012.50, "name": "Ada"}` + "\n" +
		`{"id": 12.50, "name": "Ada", "vip": true}` + "\n\n" + `{"name": null, "town": ""}` + "\n" + `{"a": [1]}` + "\n" + `{"a": 1, "a": 2}` + "\n" + `{"a"` + "\n" + `{} {}`))
	rows, texts, err := all(t, r, err)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(texts[1:3]); got != "[[12.50 Ada true] [- - - ]]" && got != "[[- 12.50 Ada true] [- - - - ]]" {
		t.Errorf("%s of %q", got, r.Columns())
	}
	for i, faults := range []int{1, 0, 0, 1, 1, 1, 1} {
		if len(rows[i].Faults) != faults {
			t.Errorf("line %d has faults %v, want %d", rows[i].Line, rows[i].Faults, faults)
		}
	}
}

func TestNoCellIsTakenForAFormula(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"+41791234567": "+41791234567", "-12,5": "-12,5", "00123": "00123", "": "", "a=b": "a=b", "-": "'-",
	} {
		if got := Safe(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	rows := [][]string{{"name", "text"}, {"Ada", "one\ntwo, \"three\""}, {"", "x"}}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := CSV(&b)
	_, texts, err := all(t, r, err)
	if err != nil || fmt.Sprint(texts) != fmt.Sprint(rows[1:]) {
		t.Errorf("%q, %v", texts, err)
	}
}

// endless is a table without an end: how much of it was read says how much is held.
type endless struct {
	line []byte
	rest []byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = e.line
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	e.read += n
	return n, nil
}

func TestOneRowIsHeldAtATime(t *testing.T) {
	line := []byte(strings.Repeat("x", 1000) + "\n")
	source := &endless{line: line, rest: []byte("a\n")}
	r, err := CSV(source)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if ahead := source.read - (i+1)*len(line); ahead > 2*peek {
			t.Fatalf("after %d rows %d bytes were read ahead", i+1, ahead)
		}
	}
	// A quote that nobody closes.
	source = &endless{line: []byte(strings.Repeat("y\n", 1000)), rest: []byte("a\n\"")}
	if r, err = CSV(source); err != nil {
		t.Fatal(err)
	}
	if _, err = r.Next(); err == nil {
		t.Fatal("a row without an end was read")
	}
	if source.read > MaxRow+4*peek {
		t.Errorf("%d bytes were read of a row that may have %d", source.read, MaxRow)
	}
}

func FuzzTables(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "\xef\xbb\xbfa;b\r\n\"x\ny\";2", "sep=\t\na\tb\n", `{"a": 1}` + "\n" + `{"b": "x"}`, "a\n\"", "\"\n", "a,a\n", "{", "\r"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, open := range []func(io.Reader) (Reader, error){CSV, JSONLines} {
			r, err := open(bytes.NewReader(text))
			rows, _, err := all(t, r, err)
			var wrong *Error
			if err != nil && !errors.As(err, &wrong) {
				t.Fatalf("%T: %v", err, err)
			}
			for _, row := range rows {
				if row.Line < 1 || row.Line > 1+bytes.Count(text, []byte("\n")) {
					t.Fatalf("a row is in line %d", row.Line)
				}
				if len(row.Cells) > len(r.Columns()) {
					t.Fatalf("%d cells in %d columns", len(row.Cells), len(r.Columns()))
				}
			}
			if r == nil || wrong != nil {
				continue
			}
			// What is written of it is read as the same, but for cells that look like formulas.
			var b bytes.Buffer
			w := NewWriter(&b)
			_ = w.Write(r.Columns())
			for _, row := range rows {
				cells := make([]string, len(r.Columns()))
				for i := range cells {
					cells[i] = row.Cell(i).Text
				}
				_ = w.Write(cells)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
