package claim

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What an error means for the job that met it, by SQLSTATE.
func TestErrorsAreTheJobsOrSomebodyElses(t *testing.T) {
	pg := func(code string) error { return fmt.Errorf("claim: %w", &pgconn.PgError{Code: code}) }
	for name, c := range map[string]struct {
		err             error
		refused, waited bool
	}{
		"a value of another type":       {pg("22P02"), true, false},
		"a broken constraint":           {pg("23514"), true, false},
		"an exception of a trigger":     {pg("P0001"), true, false},
		"a number that is none":         {&json.UnmarshalTypeError{Value: "string"}, true, false},
		"planning that broke":           {errors.New("panic: nil map"), true, false},
		"a table that is not there":     {pg("42P01"), false, false},
		"a missing right":               {pg("42501"), false, false},
		"a lock":                        {pg("55P03"), false, true},
		"a deadlock":                    {pg("40P01"), false, true},
		"a statement that hangs":        {pg("57014"), false, true},
		"a server that is shut down":    {pg("57P01"), false, false},
		"a transaction that only reads": {pg("25006"), false, false},
	} {
		if got := refused(c.err); got != c.refused {
			t.Errorf("%s: refused is %v", name, got)
		}
		if got := waited(c.err); got != c.waited {
			t.Errorf("%s: waited is %v", name, got)
		}
	}
}
