package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/body"
)

// bodyWithin bounds how long a body may take to come.
const bodyWithin = 10 * time.Second

// whole reads the bodies of those whose token is known, before anything is done: one that does not
// come in time holds nothing up.
func (a *API) whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := access.From(r.Context()); !known || r.Body == http.NoBody {
			next.ServeHTTP(w, r) // what takes no token reads no body
			return
		}
		if hasList(r) {
			select {
			case a.reading <- struct{}{}:
				defer func() { <-a.reading }()
			case <-r.Context().Done():
				return
			case <-time.After(a.bodyWithin):
				a.refuse(w, NewProblem(http.StatusServiceUnavailable, CodeUnavailable, "Other lists are being read.").with("Retry-After", "5"))
				return
			}
		}
		data, err := body.Read(w, r, a.bodyWithin)
		switch {
		case err == nil:
			r.Body = io.NopCloser(bytes.NewReader(data))
			next.ServeHTTP(w, r)
		case errors.As(err, new(*http.MaxBytesError)):
			a.refuse(w, NewProblem(http.StatusRequestEntityTooLarge, CodeTooLarge, "The body has more than %d bytes.", bodyOf(r)))
		case errors.Is(err, os.ErrDeadlineExceeded):
			a.refuse(w, NewProblem(http.StatusRequestTimeout, CodeMalformed, "The body did not come within %s.", a.bodyWithin).with("Connection", "close"))
		default:
			a.refuse(w, NewProblem(http.StatusBadRequest, CodeMalformed, "The body cannot be read."))
		}
	})
}
