package recorder

import (
	"errors"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
)

// unsaid takes the values of variables, which are of people, out of what is said of a recording:
// its warnings, and the error with which it has failed.
func unsaid(p msg.RecordParams, facts *msg.RecordFacts, err error) error {
	hide := bundle.Private(p)
	for i := range facts.Warnings {
		facts.Warnings[i].Message = hide(facts.Warnings[i].Message)
	}
	if err == nil {
		return nil
	}
	without := withoutValues{err, hide(err.Error())}
	if own := new(stage.Error); errors.As(err, &own) {
		return &stage.Error{Code: own.Code, Message: hide(own.Message), Permanent: own.Permanent, Err: without}
	}
	return without
}

// withoutValues is an error with another text.
type withoutValues struct {
	error

	text string
}

func (e withoutValues) Error() string { return e.text }
func (e withoutValues) Unwrap() error { return e.error }
