package process

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-rod/rod/lib/proto"
)

const (
	// maxBody bounds the body of a response that is held, in bytes, readWithin the time that
	// reading it takes, in real time. It is read in chunks of readSize bytes.
	maxBody    = 64 << 20
	readWithin = 25 * time.Second
	readSize   = 256 << 10
)

// response is one that is held.
type response struct {
	// address is the document's, with its fragment. referrer is the request's, if that is of the
	// same origin.
	address, referrer string
	loader            proto.NetworkLoaderID
	status            int
	headers           []*proto.FetchHeaderEntry
	body              []byte
}

// encoding are the headers that say how a body was transferred, which is not how it is served.
var encoding = map[string]bool{"Content-Encoding": true, "Content-Length": true, "Transfer-Encoding": true}

// read reads a response.
func (i *Interceptor) read(e *proto.FetchRequestPaused) (*response, error) {
	body, err := i.readBody(e.RequestID)
	if err != nil {
		return nil, err
	}
	r := &response{
		address: e.Request.URL + e.Request.URLFragment, referrer: referrerOf(e.Request),
		loader: proto.NetworkLoaderID(e.NetworkID), status: *e.ResponseStatusCode, body: body,
	}
	for _, entry := range e.ResponseHeaders {
		if !encoding[http.CanonicalHeaderKey(entry.Name)] {
			r.headers = append(r.headers, entry)
		}
	}
	return r, nil
}

func (i *Interceptor) readBody(id proto.FetchRequestID) (body []byte, err error) {
	deadline := time.Now().Add(readWithin)
	stream, err := proto.FetchTakeResponseBodyAsStream{RequestID: id}.Call(i.caller())
	if err != nil {
		return nil, err
	}
	defer func() { _ = proto.IOClose{Handle: stream.Stream}.Call(i.caller()) }()
	size := readSize
	for len(body) <= maxBody {
		chunk, err := proto.IORead{Handle: stream.Stream, Size: &size}.Call(i.client.Within(i.ctx, time.Until(deadline), i.session))
		if err != nil {
			return nil, err
		}
		data := []byte(chunk.Data)
		if chunk.Base64Encoded {
			if data, err = base64.StdEncoding.DecodeString(chunk.Data); err != nil {
				return nil, fmt.Errorf("read a document: %w", err)
			}
		}
		if body = append(body, data...); chunk.EOF {
			return body, nil
		}
	}
	return nil, fmt.Errorf("read a document: it has more than %d bytes", maxBody)
}

// referrerOf returns a request's Referer, if that is another address of the same origin.
func referrerOf(r *proto.NetworkRequest) string {
	to, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	for name, value := range r.Headers {
		from, err := url.Parse(value.Str())
		if strings.EqualFold(name, "Referer") && err == nil && from.Scheme == to.Scheme && from.Host == to.Host && value.Str() != r.URL {
			return value.Str()
		}
	}
	return ""
}

// placeholder returns the headers of the response's placeholder.
func (r *response) placeholder(header http.Header) []*proto.FetchHeaderEntry {
	values := map[string]string{"Content-Type": "text/html", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
	if r.referrer != "" {
		values["Referrer-Policy"] = "unsafe-url"
	}
	for _, name := range isolating {
		if value := header.Get(name); value != "" {
			values[name] = value
		}
	}
	var list []*proto.FetchHeaderEntry
	for name, value := range values {
		list = append(list, &proto.FetchHeaderEntry{Name: name, Value: value})
	}
	return list
}
