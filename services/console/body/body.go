// Package body reads bodies of requests that may come slowly, or never.
package body

import (
	"io"
	"net/http"
	"time"
)

// Read returns the body of a request, all of which has to come within a time: else the error is
// os.ErrDeadlineExceeded. The deadline ends with it: one that stayed on the connection would cancel
// whatever takes longer.
func Read(w http.ResponseWriter, r *http.Request, within time.Duration) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(within))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	return io.ReadAll(r.Body)
}
