package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLState is the code that the server gave an error: "42P01" for a table that is not there. "" is
// that of an error which the server did not answer with: no connection, no time left.
func SQLState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// InClass reports whether a SQLSTATE is of one of classes, each its first two characters.
func InClass(code string, classes ...string) bool {
	return len(code) == 5 && slices.Contains(classes, code[:2])
}

// Locked reports whether a row was not to be had in time because somebody else holds it
// (lock_not_available).
func Locked(err error) bool { return SQLState(err) == "55P03" }

// Reason says why the database does not do what it is asked to, in words that may be shown to
// whoever asks: they name neither host nor user, and quote no rows. The server's own message is
// told where it is of names, rights and resources.
func Reason(err error) string {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return "the database does not answer"
	case InClass(pg.Code, "42", "25", "53", "57"):
		return fmt.Sprintf("the database refuses: %s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	return "the database refuses: SQLSTATE " + pg.Code
}
