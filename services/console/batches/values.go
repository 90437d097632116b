package batches

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/loom-lite/loom-lite/pkg/variables"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

// values are what a campaign's variables may be.
type values struct {
	variables.Declaration

	// addresses are those of the campaign's that have variables.
	addresses []string
}

// newValues returns the values of a campaign with this declaration and these addresses.
func newValues(declaration []byte, addresses ...string) (values, error) {
	d, err := variables.Parse(declaration)
	if err != nil {
		return values{}, fmt.Errorf("read the campaign's variables: %w", err)
	}
	v := values{Declaration: d}
	for _, a := range addresses {
		if variables.In(a) {
			v.addresses = append(v.addresses, a)
		}
	}
	return v, nil
}

func (v values) declared(name string) bool {
	_, found := v.Variables[name]
	return found
}

// takes reports whether a column's cells are values of the variable with its name. A declaration
// that is not strict takes all that may be called so.
func (v values) takes(column string) bool {
	return v.declared(column) || v.Lenient && variableName.MatchString(column)
}

var variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)

// check returns the values of a row as renders.variables has them, and what is wrong with them.
func (v values) check(given variables.Values) (json.RawMessage, []sheet.Fault) {
	set, problems := v.Resolve(given)
	for i := 0; i < len(v.addresses) && set != nil; i++ {
		var p variables.Problem
		if _, _, err := set.Address(v.addresses[i]); errors.As(err, &p) {
			problems = append(problems, p)
		}
	}
	var faults []sheet.Fault
	for _, p := range problems {
		faults = append(faults, sheet.Fault{Column: p.Variable, Code: "variable_" + string(p.Why), Detail: "the variable " + p.Text})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	text, err := json.Marshal(given)
	if err != nil || len(text) > variables.MaxValues {
		return nil, []sheet.Fault{{Code: sheet.CodeTooLarge, Detail: fmt.Sprintf("the values have %d bytes together, and may have %d", len(text), variables.MaxValues)}}
	}
	return text, nil
}

// declaration is what a campaign that is sent along declares.
func declaration(s *renders.Submission) string { return string(s.Variables) }
