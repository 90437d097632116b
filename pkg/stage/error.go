package stage

import (
	"errors"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Error is a failure with a stable code and words for the product's user. Any other error that a
// handler returns is retryable and reaches the user as "internal", its text only as detail.
type Error struct {
	Code msg.Code
	// Message is for the product's user: plain words that say what to do.
	Message string
	// Permanent: trying again cannot help.
	Permanent bool
	// Err is the cause, for the operator.
	Err error
}

// Permanent returns an error that fails the render at once.
func Permanent(code msg.Code, message string, err error) error {
	return &Error{Code: code, Message: message, Permanent: true, Err: err}
}

// Retryable returns an error that is tried again, and that fails the render with these words when
// trying is over.
func Retryable(code msg.Code, message string, err error) error {
	return &Error{Code: code, Message: message, Err: err}
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ErrHandBack marks an error after which the task is handed back uncharged, because its cause is
// not the task (an expired URL, say). Wrap it.
var ErrHandBack = errors.New("handed back")

// ErrNotWanted marks the end of an attempt that is not wanted any more: the task is over, or
// another attempt has it. Nothing is reported. The worker learns it from ingest or from a
// broadcast; a handler that finds out itself wraps it.
var ErrNotWanted = errors.New("the attempt is not wanted any more")
