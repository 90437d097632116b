package schema

import (
	"slices"
	"strings"
)

// Error says what is wrong with options. It quotes none of their texts, which may be secrets.
type Error struct {
	// Name is what the options are called: "options", "facecam_options".
	Name string
	// Problems has at least one, in the order of their fields.
	Problems []Problem
}

// Wrong returns an *Error of problems in any order.
func Wrong(name string, problems ...Problem) error {
	slices.SortStableFunc(problems, func(a, b Problem) int { return slices.Compare(a.Location, b.Location) })
	return &Error{Name: name, Problems: problems}
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = e.Name + ": " + p.Text
		if field := p.Field(); field != "" {
			lines[i] = e.Name + "." + field + ": " + p.Text
		}
	}
	return strings.Join(lines, "\n")
}

// First is the error of the first problem alone.
func (e *Error) First() string { return (&Error{Name: e.Name, Problems: e.Problems[:1]}).Error() }
