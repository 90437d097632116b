package service

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Refusals watches conn for subjects that its user may not use. It returns a function that adds
// such a refusal to an error.
//
// NATS does not answer a request that it refuses. It reports the refusal on the connection, and the
// request fails with "context deadline exceeded". The returned function takes that error and
// returns it with the refusal that came since Refusals was called, which names the subject. Without
// a refusal it returns the error unchanged.
func Refusals(conn *nats.Conn) (named func(error) error) {
	before := conn.LastError()
	return func(err error) error {
		refusal := conn.LastError()
		if err == nil || !Refused(refusal) || errors.Is(before, refusal) || errors.Is(err, refusal) {
			return err
		}
		return fmt.Errorf("%w: %w", refusal, err)
	}
}

// Refused reports whether err is NATS refusing its user a subject.
func Refused(err error) bool { return errors.Is(err, nats.ErrPermissionViolation) }
