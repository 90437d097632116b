package video

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-rod/rod/lib/proto"
)

// response is one to a request for media.
type response struct {
	id      proto.FetchRequestID
	url     string
	status  int
	headers []*proto.FetchHeaderEntry
	// video says that it may be a video, and that its span is known.
	video bool
	// partial says that span is a part of the file, so that less of it may be served.
	partial bool
	span    span
	// playlist says that it lists files which are played as one.
	playlist bool
}

func parseResponse(e *proto.FetchRequestPaused) *response {
	r := &response{id: e.RequestID, url: e.Request.URL, headers: e.ResponseHeaders}
	if e.ResponseStatusCode == nil || e.ResponseErrorReason != "" {
		return r
	}
	r.status = *e.ResponseStatusCode
	h := http.Header{}
	for _, entry := range e.ResponseHeaders {
		h.Add(entry.Name, entry.Value)
	}
	address, err := url.Parse(r.url)
	r.playlist = err == nil && strings.HasSuffix(strings.ToLower(address.Path), ".m3u8") ||
		strings.Contains(strings.ToLower(h.Get("Content-Type")), "mpegurl")
	switch r.status {
	case http.StatusPartialContent:
		r.partial = true
		r.span, r.video = contentRange(h.Get("Content-Range"))
	case http.StatusOK: // a whole file cannot be cut
		length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
		r.span, r.video = span{0, length}, err == nil && length > 0 && length <= partSize
	}
	r.video = r.video && h.Get("Content-Encoding") == ""
	return r
}

// contentRange parses a Content-Range, such as "bytes 0-99/1000".
func contentRange(text string) (s span, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	text, _, ok2 := strings.Cut(text, "/")
	first, last, ok3 := strings.Cut(text, "-")
	from, err1 := strconv.ParseInt(first, 10, 63)
	to, err2 := strconv.ParseInt(last, 10, 62)
	return span{from, to + 1}, ok && ok2 && ok3 && errors.Join(err1, err2) == nil && 0 <= from && from <= to
}

// cut returns the response's headers for its first n bytes.
func (r *response) cut(n int) []*proto.FetchHeaderEntry {
	if !r.partial || int64(n) == r.span.to-r.span.from {
		return r.headers
	}
	headers := slices.Clone(r.headers)
	for i, h := range headers {
		switch {
		case strings.EqualFold(h.Name, "Content-Length"):
			headers[i] = &proto.FetchHeaderEntry{Name: h.Name, Value: strconv.Itoa(n)}
		case strings.EqualFold(h.Name, "Content-Range"):
			_, total, _ := strings.Cut(h.Value, "/")
			headers[i] = &proto.FetchHeaderEntry{
				Name: h.Name, Value: fmt.Sprintf("bytes %d-%d/%s", r.span.from, r.span.from+int64(n)-1, total),
			}
		}
	}
	return headers
}
