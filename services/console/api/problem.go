package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/loom-lite/loom-lite/services/console/campaign"
)

// Code says what is wrong, for programs. docs/reference/problems.md has a section for each.
type Code string

// The codes of the API's own problems. A render that has failed has other ones, those of pkg/msg.
const (
	CodeMalformed        Code = "malformed"
	CodeInvalid          Code = "invalid"
	CodeTokenMissing     Code = "token_missing"
	CodeTokenInvalid     Code = "token_invalid"
	CodeScope            Code = "scope_insufficient"
	CodeOneUser          Code = "token_of_one_user"
	CodeNotFound         Code = "not_found"
	CodeMethod           Code = "method_not_allowed"
	CodeNotAcceptable    Code = "not_acceptable"
	CodeConflict         Code = "conflict"
	CodeRunning          Code = "request_in_progress"
	CodeKeyReused        Code = "idempotency_key_reused"
	CodeChanged          Code = "changed_meanwhile"
	CodeConditionMissing Code = "condition_missing"
	CodeTooLarge         Code = "body_too_large"
	CodeMediaType        Code = "media_type_unsupported"
	CodeTooMany          Code = "too_many_requests"
	CodeHeld             Code = "rows_held"
	CodeInternal         Code = "internal"
	CodeUnavailable      Code = "unavailable"
)

// titles are the codes and their titles, which never change with the occurrence.
var titles = map[Code]string{
	CodeMalformed: "The request cannot be read", CodeInvalid: "The request is not valid", CodeTokenMissing: "A token is missing",
	CodeTokenInvalid: "The token is not valid", CodeScope: "The token's scope is not enough", CodeOneUser: "The token is for one user",
	CodeNotFound: "There is no such thing", CodeMethod: "The method is not allowed here", CodeNotAcceptable: "No such form can be sent",
	CodeConflict: "The state does not allow it", CodeRunning: "The same request is in progress", CodeKeyReused: "The key was used for another request",
	CodeChanged: "It was changed meanwhile", CodeConditionMissing: "A condition is missing", CodeTooLarge: "The body is too large",
	CodeMediaType: "The body's type is not supported", CodeTooMany: "There are too many requests", CodeHeld: "Another transaction holds the rows",
	CodeInternal: "Something went wrong", CodeUnavailable: "The service is not available",
}

// codes are those of problems that huma finds.
var codes = map[int]Code{
	http.StatusBadRequest: CodeMalformed, http.StatusUnauthorized: CodeTokenMissing, http.StatusForbidden: CodeScope, http.StatusNotFound: CodeNotFound,
	http.StatusMethodNotAllowed: CodeMethod, http.StatusNotAcceptable: CodeNotAcceptable, http.StatusRequestTimeout: CodeMalformed,
	http.StatusConflict: CodeConflict, http.StatusPreconditionFailed: CodeChanged, http.StatusRequestEntityTooLarge: CodeTooLarge,
	http.StatusUnsupportedMediaType: CodeMediaType, http.StatusUnprocessableEntity: CodeInvalid, http.StatusPreconditionRequired: CodeConditionMissing,
	http.StatusTooManyRequests: CodeTooMany, http.StatusServiceUnavailable: CodeUnavailable,
}

// pages has a section for each code.
const pages = "https://github.com/loom-lite/loom-lite/blob/main/docs/reference/problems.md#"

// Problem is an answer that says what is wrong (RFC 9457).
type Problem struct {
	Type   string `json:"type" format:"uri" doc:"A page that explains the code." example:"https://github.com/loom-lite/loom-lite/blob/main/docs/reference/problems.md#invalid"`
	Title  string `json:"title" doc:"The code in words. It is the same each time."`
	Status int    `json:"status" doc:"The answer's status."`
	Code   Code   `json:"code" doc:"What is wrong, for programs." example:"invalid"`
	Detail string `json:"detail,omitempty" doc:"What is wrong this time, for people."`
	// Errors are the single things that are wrong with a request.
	Errors []Fault `json:"errors,omitempty" doc:"What is wrong with the request, each by itself."`

	header http.Header
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Pointer   string `json:"pointer,omitempty" doc:"Where it is in the body: a JSON Pointer (RFC 6901) as a URI fragment." example:"#/campaign/scenes/0/url"`
	Parameter string `json:"parameter,omitempty" doc:"The parameter of the path or the query, or the header, that it is about." example:"limit"`
	Detail    string `json:"detail" doc:"What is wrong, and what to send instead."`
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus is the answer's status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the answer's headers beside those of every problem.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is that of problems, whatever form the caller prefers.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// NewProblem returns a problem of a code, with the words of this occurrence.
func NewProblem(status int, code Code, format string, args ...any) *Problem {
	return &Problem{Type: pages + string(code), Title: titles[code], Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// with adds a header to the answer.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// ownErrors makes what the library finds wrong itself a Problem: it asks a variable for its errors.
var ownErrors = sync.OnceFunc(func() {
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
		code, known := codes[status]
		if !known {
			code = CodeInternal
		}
		p := NewProblem(status, code, "%s", text)
		for _, err := range errs {
			if err != nil {
				p.Errors = append(p.Errors, faultOf(err))
			}
		}
		if status >= http.StatusInternalServerError {
			p.Detail, p.Errors = "It is in the console's log.", nil
		}
		return p
	}
})

// faultOf returns one of the library's errors as ours: it writes places as body.scenes[0].url.
func faultOf(err error) Fault {
	var detail *huma.ErrorDetail
	if !errors.As(err, &detail) {
		return Fault{Detail: err.Error()}
	}
	where, rest, _ := strings.Cut(detail.Location, ".")
	switch where {
	case "path", "query", "header":
		return Fault{Parameter: rest, Detail: detail.Message}
	case "body":
		return Fault{Pointer: pointer(strings.FieldsFunc(rest, func(r rune) bool { return r == '.' || r == '[' || r == ']' })), Detail: detail.Message}
	}
	return Fault{Detail: detail.Message}
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// pointer returns a place in a body.
func pointer(location []string) string {
	var b strings.Builder
	b.WriteString("#")
	for _, part := range location {
		b.WriteString("/" + fragment(escape.Replace(part)))
	}
	return b.String()
}

// fragment escapes what a URI's fragment cannot hold.
func fragment(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unreadable returns what is wrong with a campaign that was sent below at; nil when err is of
// another kind.
func unreadable(err error, at ...string) *Problem {
	var wrong *campaign.Error
	if !errors.As(err, &wrong) {
		return nil
	}
	p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The campaign cannot be rendered as it is.")
	for _, one := range wrong.Problems {
		p.Errors = append(p.Errors, Fault{Pointer: pointer(slices.Concat(at, one.Location)), Detail: one.Text})
	}
	return p
}

func itoa(i int) string { return strconv.Itoa(i) }
