package bundle

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), with all that it demands and nothing
// of what may be secret. Fields that start with an underscore are not the standard's: browsers
// write the same.
type (
	har struct {
		Log harLog `json:"log"`
	}
	harLog struct {
		Version string     `json:"version"`
		Creator harProgram `json:"creator"`
		Browser harProgram `json:"browser"`
		Entries []harEntry `json:"entries"`
		Comment string     `json:"comment,omitempty"`
	}
	harProgram struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harEntry struct {
		Started  time.Time   `json:"startedDateTime"`
		Time     float64     `json:"time"` // milliseconds
		Request  harRequest  `json:"request"`
		Response harResponse `json:"response"`
		Cache    struct{}    `json:"cache"`
		Timings  harTimings  `json:"timings"`
		Resource string      `json:"_resourceType,omitempty"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []struct{} `json:"headers"`
		Query       []struct{} `json:"queryString"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []struct{} `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
		Transferred int        `json:"_transferSize"`
		Cached      bool       `json:"_fromDiskCache,omitempty"`
		Error       string     `json:"_error,omitempty"`
	}
	harContent struct {
		Size int    `json:"size"`
		MIME string `json:"mimeType"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
)

// unknown is HAR's value for a size that is not known.
const unknown = -1

// pending is the error of a request that was under way when the recording ended.
const pending = "under way when the recording ended"

// write writes the requests as HAR. A request that was under way has the time until now.
func (n *network) write(w io.Writer, loom, chrome harProgram, now time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	log := harLog{Version: "1.2", Creator: loom, Browser: chrome, Entries: []harEntry{}}
	for _, r := range slices.Concat(n.requests.begin(), n.requests.end()) {
		log.Entries = append(log.Entries, n.entry(r, now))
	}
	if n.requests.Dropped > 0 {
		log.Comment = fmt.Sprintf("%d requests are left out after the first %d", n.requests.Dropped, firstRequests)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(har{log})
}

func (n *network) entry(r *request, now time.Time) harEntry {
	const short = 200
	end, failure := r.end, r.failure
	if end.IsZero() {
		end, failure = now, pending
	}
	answer := r.answer
	if answer.IsZero() {
		answer = end
	}
	none := []struct{}{}
	protocol := n.scrub.text(r.protocol, short)
	return harEntry{
		Started: r.begin.UTC(), Time: milliseconds(r.begin, end), Resource: r.resource,
		Request: harRequest{
			Method: n.scrub.text(r.method, short), URL: n.scrub.clean(r.url, maxURL), HTTPVersion: protocol,
			Cookies: none, Headers: none, Query: none, HeadersSize: unknown, BodySize: unknown,
		},
		Response: harResponse{
			Status: r.status, StatusText: n.scrub.text(r.statusText, short), HTTPVersion: protocol, Cookies: none, Headers: none,
			Content: harContent{Size: unknown, MIME: n.scrub.text(r.mime, short)}, RedirectURL: n.scrub.clean(r.redirect, maxURL),
			HeadersSize: unknown, BodySize: unknown, Transferred: int(r.bytes), Cached: r.cached, Error: n.scrub.text(failure, short),
		},
		Timings: harTimings{Wait: milliseconds(r.begin, answer), Receive: milliseconds(answer, end)},
	}
}

func milliseconds(from, to time.Time) float64 { return float64(to.Sub(from).Microseconds()) / 1000 }
