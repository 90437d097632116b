package pageerror

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Error says that a page could not be recorded, and why.
type Error struct {
	// Code is one of the codes of scenes.
	Code msg.Code
	// Status is the HTTP status of the page's answer: an error's when Code is msg.CodeSceneStatus,
	// any with a challenge or a login, otherwise 0.
	Status int
	// By names what stands in the page's place: the protection that shows a challenge, or the host
	// that asks for a login. Otherwise it is empty.
	By string
	// Permanent says that trying again cannot help.
	Permanent bool
	// Err is the cause, for the operator. It holds no URL.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Status returns the error of a page that answered with an HTTP error.
func Status(status int) *Error {
	retry := status >= 500 || status == 408 || status == 425 || status == 429
	return &Error{
		Code: msg.CodeSceneStatus, Status: status, Permanent: !retry,
		Err: fmt.Errorf("the page answered %d", status),
	}
}

// Connect returns the error of a page whose host could not be connected to.
func Connect(err error) *Error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, egress.ErrRefused):
		return &Error{Code: msg.CodeSceneRefused, Permanent: true, Err: err}
	case errors.As(err, &dns):
		return &Error{Code: msg.CodeSceneUnresolved, Permanent: dns.IsNotFound, Err: err}
	}
	return &Error{Code: msg.CodeSceneUnreachable, Err: err}
}

// certificateErrors are the net errors of certificates that Chrome does not accept, besides those
// that begin with ERR_CERT_.
var certificateErrors = map[string]bool{
	"ERR_SSL_PINNED_KEY_NOT_IN_CERT_CHAIN": true, "ERR_SSL_VERSION_OR_CIPHER_MISMATCH": true, "ERR_SSL_OBSOLETE_CIPHER": true,
	"ERR_SSL_CLIENT_AUTH_CERT_NEEDED": true, "ERR_BAD_SSL_CLIENT_AUTH_CERT": true, "ERR_CERTIFICATE_TRANSPARENCY_REQUIRED": true,
	"ERR_SSL_SERVER_CERT_BAD_FORMAT": true, "ERR_SSL_UNRECOGNIZED_NAME_ALERT": true,
}

// Navigation returns the error of a navigation that Chrome gave up. text is its net error, such as
// "net::ERR_CONNECTION_RESET".
func Navigation(text string) *Error {
	e := &Error{Code: msg.CodeSceneUnreachable, Err: errors.New(text)}
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "net::"), " ")
	switch {
	case strings.HasPrefix(name, "ERR_CERT_"), certificateErrors[name]:
		e.Code, e.Permanent = msg.CodeSceneTLS, true
	case strings.HasPrefix(name, "ERR_SSL_"), strings.HasPrefix(name, "ERR_TLS_"), strings.HasPrefix(name, "ERR_ECH_"):
		e.Code = msg.CodeSceneTLS
	}
	switch name {
	case "ERR_TOO_MANY_REDIRECTS":
		e.Code, e.Permanent = msg.CodeSceneRedirects, true
	case "ERR_ABORTED": // a download, or an answer without content: nothing to show
		e.Code, e.Permanent = msg.CodeSceneNotAPage, true
	case "ERR_UNSAFE_REDIRECT", "ERR_UNKNOWN_URL_SCHEME", "ERR_DISALLOWED_URL_SCHEME", "ERR_UNSAFE_PORT",
		"ERR_INVALID_URL", "ERR_INVALID_REDIRECT", "ERR_ACCESS_DENIED":
		e.Code, e.Permanent = msg.CodeSceneRefused, true
	case "ERR_NAME_NOT_RESOLVED":
		e.Code, e.Permanent = msg.CodeSceneUnresolved, true
	case "ERR_TIMED_OUT", "ERR_CONNECTION_TIMED_OUT":
		e.Code = msg.CodeSceneTimeout
	}
	return e
}

// Scheme returns the error of a page that leads to an address whose scheme is not of the web, such
// as ftp://host/file.
func Scheme(address string) *Error {
	scheme, _, _ := strings.Cut(address, ":")
	return &Error{Code: msg.CodeSceneRefused, Permanent: true, Err: fmt.Errorf("the page leads to an address whose scheme is %s", scheme)}
}

// Endless returns the error of a page that leads from one document to the next without end, after n
// of them.
func Endless(n int) *Error {
	return &Error{
		Code: msg.CodeSceneRedirects, Permanent: true, Err: fmt.Errorf("%d documents in a row, none of which stayed", n),
	}
}

// Timeout returns the error of a page that took too long for something.
func Timeout(format string, args ...any) *Error {
	return &Error{Code: msg.CodeSceneTimeout, Err: fmt.Errorf(format, args...)}
}
