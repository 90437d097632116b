package storetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// Supabase stands before the real server and answers as Supabase Storage's S3 endpoint does where
// that differs from others, as it was measured on its version 1.11.
type Supabase struct {
	// Endpoint is the S3 endpoint, and the project's URL: public objects are at
	// <Endpoint>/storage/v1/object/public.
	Endpoint string
	backend  *httputil.ReverseProxy

	mu sync.Mutex
	// limit is what one PUT may have, in bytes; 0 for no bound. refused is the status and the code
	// that PUTs are answered with, copies included, by bucket.
	limit   int64
	refused map[string]refusal
	// largest is the largest object that was written by one PUT, and puts how many there were.
	largest int64
	puts    int
}

// AsSupabase starts one that ends with t, and returns the settings of the store that it is.
func AsSupabase(t testing.TB) (store.Config, *Supabase) {
	t.Helper()
	cfg := Server(t)
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s := &Supabase{refused: map[string]refusal{}, backend: &httputil.ReverseProxy{
		// Signatures are of the host that clients ask, which stays as it is.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		},
		ModifyResponse: differ,
		Transport:      &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.Endpoint, cfg.Endpoint = server.URL, server.URL
	return cfg, s
}

// Limit bounds what one PUT may have.
func (s *Supabase) Limit(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = bytes
}

// refusal is an answer.
type refusal struct {
	status int
	code   string
}

// Refuse answers every write to bucket with a status and a code.
func (s *Supabase) Refuse(bucket string, status int, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[bucket] = refusal{status, code}
}

// Puts returns how many objects were written by PUTs, and how large the largest was.
func (s *Supabase) Puts() (n int, largest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts, s.largest
}

const public = "/storage/v1/object/public"

func (s *Supabase) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, found := strings.CutPrefix(r.URL.Path, public); found {
		s.public(w, r, path)
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date")); err == nil {
		if seconds, err := strconv.Atoi(query.Get("X-Amz-Expires")); err == nil && time.Since(signed) > time.Duration(seconds)*time.Second {
			refuse(w, http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
			return
		}
	}
	source := r.Header.Get("X-Amz-Copy-Source")
	s.mu.Lock()
	limit, refused := s.limit, s.refused[bucket]
	s.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && key == "" && s.there(r, bucket):
		// Also for requests about policies and the like, which are not known.
		refuse(w, http.StatusConflict, "BucketAlreadyExists", "The resource already exists")
		return
	case r.Method == http.MethodPut && key != "" && refused.status != 0:
		refuse(w, refused.status, refused.code, "No")
		return
	case strings.ContainsAny(source, "%"):
		refuse(w, http.StatusNotFound, "NoSuchKey", "Object not found") // it is not decoded
		return
	case source != "" && !s.there(r, bucket):
		refuse(w, http.StatusNotFound, "InvalidRequest", "The related resource does not exist")
		return
	case r.Method == http.MethodPut && key != "" && source == "":
		if limit > 0 && r.ContentLength > limit {
			// Before the body is read: clients may see this, or a connection that is gone.
			refuse(w, http.StatusRequestEntityTooLarge, "EntityTooLarge", "The object exceeded the maximum allowed size")
			return
		}
		s.mu.Lock()
		s.puts, s.largest = s.puts+1, max(s.largest, r.ContentLength)
		s.mu.Unlock()
	}
	s.backend.ServeHTTP(w, r)
}

// there reports whether the backend has a bucket.
func (s *Supabase) there(r *http.Request, bucket string) bool {
	look := r.Clone(r.Context())
	look.Method, look.Body, look.ContentLength = http.MethodHead, http.NoBody, 0
	look.Header = http.Header{}
	look.URL = &url.URL{Path: "/" + bucket}
	answer := httptest.NewRecorder()
	s.backend.ServeHTTP(answer, look)
	return answer.Code != http.StatusNotFound
}

// public serves public objects; anything else is a 400 that says 404.
func (s *Supabase) public(w http.ResponseWriter, r *http.Request, path string) {
	look := r.Clone(r.Context())
	look.URL = &url.URL{Path: path}
	answer := httptest.NewRecorder()
	s.backend.ServeHTTP(answer, look)
	if answer.Code < http.StatusBadRequest {
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
		return
	}
	code := "NoSuchKey"
	if answer.Code == http.StatusForbidden {
		code = "NoSuchBucket"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"statusCode":"404","error":"not_found","message":"Not found","code":%q}`, code)
}

// differ makes the answer to a copy of something missing Supabase's: for a bucket the same as for
// an object.
func differ(response *http.Response) error {
	if response.Request.Header.Get("X-Amz-Copy-Source") == "" || response.StatusCode != http.StatusNotFound {
		return nil
	}
	_ = response.Body.Close()
	body := answer("NoSuchKey", "Object not found")
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	response.Body = io.NopCloser(strings.NewReader(body))
	return nil
}

func answer(code, message string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Resource></Resource><Code>%s</Code><Message>%s</Message></Error>`, code, message)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(answer(code, message)))
}
