package capture

import (
	"fmt"
	"strings"

	"github.com/go-rod/rod/lib/proto"
)

// ownScripts begins the addresses that our scripts have in what Chrome tells of them.
const ownScripts = "loom:"

// Own gives a script of ours, which runs in pages, an address: what fails in it is told apart from
// what fails in the page's by that.
func Own(name, source string) string { return source + "\n//# sourceURL=" + ownScripts + name }

// IsOwn reports whether an exception comes from a script of ours.
func IsOwn(e *proto.RuntimeExceptionDetails) bool {
	if e.StackTrace != nil && len(e.StackTrace.CallFrames) > 0 {
		return strings.HasPrefix(e.StackTrace.CallFrames[0].URL, ownScripts)
	}
	return strings.HasPrefix(e.URL, ownScripts)
}

// ScriptError says that a script of ours failed in a page: our fault, whatever the page is like.
type ScriptError struct {
	// Doing is what it was to do.
	Doing string
	// Thrown is what it threw, with where.
	Thrown string
}

// Failed is the error of a script of ours that was to do something. It knows no secret.
func Failed(doing string, e *proto.RuntimeExceptionDetails) *ScriptError {
	thrown := e.Text
	if e.Exception != nil && e.Exception.Description != "" {
		thrown = e.Exception.Description
	}
	return &ScriptError{Doing: doing, Thrown: thrown}
}

func (e *ScriptError) Error() string {
	return fmt.Sprintf("%s: a script of the recorder's own failed, which is its fault and not the page's: %s", e.Doing, e.Thrown)
}
