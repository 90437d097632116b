package script

import (
	"fmt"
	"strings"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"
)

// prefix begins the addresses of the recorder's scripts.
const prefix = "loom:"

// Named gives a script an address, by which Chrome names it in exceptions.
func Named(name, source string) string { return source + "\n//# sourceURL=" + prefix + name }

// OnNewDocument runs a script in each of the page's documents, frames included, before their own
// scripts run.
func OnNewDocument(page *rod.Page, name, source string) error {
	_, err := proto.PageAddScriptToEvaluateOnNewDocument{Source: Named(name, source)}.Call(page)
	return err
}

// IsOwn reports whether a script of the recorder's threw an exception.
func IsOwn(e *proto.RuntimeExceptionDetails) bool {
	if e.StackTrace != nil && len(e.StackTrace.CallFrames) > 0 {
		return strings.HasPrefix(e.StackTrace.CallFrames[0].URL, prefix)
	}
	return strings.HasPrefix(e.URL, prefix)
}

// Error says that a script of the recorder's failed in a page. That is the recorder's fault,
// whatever the page is like.
type Error struct {
	// Doing is what the script was to do.
	Doing string
	// Thrown is what it threw, and where.
	Thrown string
}

// Failed returns the error of a script that threw an exception. It holds no secret.
func Failed(doing string, e *proto.RuntimeExceptionDetails) *Error {
	thrown := e.Text
	if e.Exception != nil && e.Exception.Description != "" {
		thrown = e.Exception.Description
	}
	return &Error{Doing: doing, Thrown: thrown}
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: a script of the recorder's own failed, which is its fault and not the page's: %s", e.Doing, e.Thrown)
}
