package cdp

import (
	"errors"

	rodcdp "github.com/go-rod/rod/lib/cdp"
)

// Codes of the protocol's errors, as JSON-RPC and Chrome count them. The others say that a call is
// wrong in itself.
const (
	invalidParams   = -32602
	internalError   = -32603
	serverError     = -32000
	sessionNotFound = -32001
)

// unknownWorlds are what Chrome says of a JavaScript context that has gone, in place of a server's
// error: to it, a name that it does not know is a wrong parameter.
var unknownWorlds = map[string]bool{"uniqueContextId not found": true, "invalid uniqueContextId": true}

// Gone reports whether an error says that what was called is not there, or went while it was
// called: the document, its world, an object or a node of it, the frame, the session. A page that
// goes from one document to another does so at any time, so that every call may end like this, and
// is made again or left.
//
// Chrome has a message for each case and more of them in every version (Inspected target navigated
// or closed, Cannot find context with specified id, No frame for given id found, Not attached to an
// active page), but one code for them, which also says that it cannot do what it was asked for in
// the state it is in; it answers with an internal error where a page has no process for the moment.
func Gone(err error) bool {
	var answer *rodcdp.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code {
	case serverError, sessionNotFound, internalError:
		return true
	case invalidParams:
		return unknownWorlds[answer.Message]
	}
	return false
}
