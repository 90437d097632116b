package loom

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/clients/go/api"
)

// Problem is an answer that is no success (RFC 9457). Decide by its Code:
// docs/reference/problems.md lists them. Code is empty if something between the caller and the API
// has answered.
type Problem struct {
	api.Problem

	// RetryAfter is when the API wants to be asked again; 0 when it does not say.
	RetryAfter time.Duration
}

// Error has the code, and what is wrong with each part of the request.
func (p *Problem) Error() string {
	if p.Code == "" {
		return fmt.Sprintf("the API answers %d %s", p.Status, http.StatusText(p.Status))
	}
	text := p.Title
	if p.Detail != nil && *p.Detail != "" {
		text = *p.Detail
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.Code, text)
	for _, f := range p.Errors {
		where := ""
		switch {
		case f.Pointer != nil:
			where = *f.Pointer + ": "
		case f.Parameter != nil:
			where = *f.Parameter + ": "
		}
		fmt.Fprintf(&b, "; %s%s", where, f.Detail)
	}
	return b.String()
}

// problemOf reads the problem of an answer with a body.
func problemOf(r *http.Response, body []byte) *Problem {
	p := &Problem{RetryAfter: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/problem+json" || json.Unmarshal(body, &p.Problem) != nil {
		p.Problem = api.Problem{}
	}
	p.Status = r.StatusCode
	return p
}

// retryAfter reads a number of seconds or a date; 0 when it is neither, or past.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && seconds < 1<<31 {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
