package claim

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// refused reports whether the data itself is what was wrong, so that the same would be refused again: a value out of
// range or of another type, a broken constraint, an exception of a trigger.
func refused(err error) bool {
	if mistyped := new(json.UnmarshalTypeError); errors.As(err, &mistyped) {
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, class := range []string{"22", "23", "P0"} {
		if strings.HasPrefix(pg.Code, class) {
			return true
		}
	}
	return false
}
