package capture

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// PageError says that a page could not be recorded, and why.
type PageError struct {
	Code msg.Code
	// Status is the HTTP status that the page answered with, when Code is msg.CodeSceneStatus. With
	// a challenge or a login it may be any.
	Status int
	// By is who is in the page's place: the protection that shows a challenge, the host that asks
	// for a login.
	By string
	// Permanent: trying again cannot help.
	Permanent bool
	// Err is the cause, for the operator. It holds no URL.
	Err error
}

func (e *PageError) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }
func (e *PageError) Unwrap() error { return e.Err }

// statusError is the error of a page that answered with an HTTP error.
func statusError(status int) *PageError {
	retry := status >= 500 || status == 408 || status == 425 || status == 429
	return &PageError{
		Code: msg.CodeSceneStatus, Status: status, Permanent: !retry,
		Err: fmt.Errorf("the page answered %d", status),
	}
}

// connectError is the error of a page whose host could not be connected to.
func connectError(err error) *PageError {
	var dns *net.DNSError
	switch {
	case errors.Is(err, egress.ErrRefused):
		return &PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: err}
	case errors.As(err, &dns):
		return &PageError{Code: msg.CodeSceneUnresolved, Permanent: dns.IsNotFound, Err: err}
	}
	return &PageError{Code: msg.CodeSceneUnreachable, Err: err}
}

// certificateErrors are what Chrome calls a certificate that it does not accept, beside what begins
// with ERR_CERT_.
var certificateErrors = map[string]bool{
	"ERR_SSL_PINNED_KEY_NOT_IN_CERT_CHAIN": true, "ERR_SSL_VERSION_OR_CIPHER_MISMATCH": true, "ERR_SSL_OBSOLETE_CIPHER": true,
	"ERR_SSL_CLIENT_AUTH_CERT_NEEDED": true, "ERR_BAD_SSL_CLIENT_AUTH_CERT": true, "ERR_CERTIFICATE_TRANSPARENCY_REQUIRED": true,
	"ERR_SSL_SERVER_CERT_BAD_FORMAT": true, "ERR_SSL_UNRECOGNIZED_NAME_ALERT": true,
}

// navigationError is the error of a navigation that Chrome gave up with a net error such as
// net::ERR_CONNECTION_RESET.
func navigationError(text string) *PageError {
	e := &PageError{Code: msg.CodeSceneUnreachable, Err: errors.New(text)}
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

// schemeError is the error of a page that leads to an address which is not of the web, such as
// ftp://host/file.
func schemeError(address string) *PageError {
	scheme, _, _ := strings.Cut(address, ":")
	return &PageError{Code: msg.CodeSceneRefused, Permanent: true, Err: fmt.Errorf("the page leads to an address whose scheme is %s", scheme)}
}

func timeoutError(format string, args ...any) *PageError {
	return &PageError{Code: msg.CodeSceneTimeout, Err: fmt.Errorf(format, args...)}
}

var errCrashed = errors.New("the page's process died")

// blame turns what stopped a capture into a page's error where it is the page's doing.
func blame(err error) error {
	var page *PageError
	switch {
	case err == nil, errors.As(err, &page):
		return err
	case errors.Is(err, errCrashed), errors.Is(err, cdp.ErrClosed):
		return &PageError{Code: msg.CodeSceneCrashed, Err: err}
	case errors.Is(err, cdp.ErrStalled):
		return &PageError{Code: msg.CodeSceneTimeout, Err: err}
	}
	return err
}
