package service

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Refusals watches conn for subjects that its user may not use, and returns what adds such a
// refusal to an error.
//
// NATS gives a request that it refuses no answer. It tells the connection, beside the request,
// which then fails for want of one: "context deadline exceeded". The returned function is given
// that failure, and returns it with the refusal that came since Refusals was called, which names
// the subject. Without one, it returns what it is given.
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

// Refused reports whether err says that NATS keeps its user from using a subject.
func Refused(err error) bool { return errors.Is(err, nats.ErrPermissionViolation) }
