package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLState returns the server's code of an error, such as "42P01" for a missing table. It returns
// "" for an error that is not the server's: no connection, no time left.
func SQLState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// InClass reports whether a SQLSTATE belongs to one of classes. A class is its first two
// characters.
func InClass(code string, classes ...string) bool {
	return len(code) == 5 && slices.Contains(classes, code[:2])
}

// Locked reports whether a row could not be locked in time (lock_not_available).
func Locked(err error) bool { return SQLState(err) == "55P03" }

// Unserved reports whether a query failed because the server did not answer, or serves nobody now:
// it is stopped, starts, or has no room for another connection.
func Unserved(err error) bool {
	code := SQLState(err)
	return err != nil && (code == "" || InClass(code, "08", "53", "57"))
}

// Reason says why a query failed, without naming the host or the user and without quoting rows. It
// includes the server's message only in classes whose messages are about names, rights and
// resources.
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
