package store_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// counted returns a client of the store behind a proxy that counts deletions, and that refuses
// those of several objects with a status, unless it is 0.
func counted(t *testing.T, refuse int) (c *store.Client, batches, singles *atomic.Int64) {
	t.Helper()
	cfg := storetest.Server(t)
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	batches, singles = new(atomic.Int64), new(atomic.Int64)
	transport := &http.Transport{DisableKeepAlives: true}
	through := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			singles.Add(1)
		case r.Method == http.MethodPost && r.URL.Query().Has("delete"):
			batches.Add(1)
			if refuse != 0 {
				w.WriteHeader(refuse)
				return
			}
		}
		through.ServeHTTP(w, r)
	}))
	cfg.Endpoint = proxy.URL
	c, err = store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		proxy.Close()
	})
	return c, batches, singles
}

func TestDeleteMatchingDeletesWhatMatchesAndNothingElse(t *testing.T) {
	for name, test := range map[string]struct {
		refuse           int
		batches, singles int64
	}{
		"with one request for all":                  {0, 2, 0},
		"one by one where the store knows no other": {http.StatusNotImplemented, 1, 10},
		"one by one where it wants other checksums": {http.StatusBadRequest, 1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			c, batches, singles := counted(t, test.refuse)
			bucket := storetest.Bucket(t, c)
			fill := func() {
				for i := range 5 {
					put(t, c, bucket, fmt.Sprintf("render-1/%d/file", i), "text/plain", []byte("x"))
				}
				put(t, c, bucket, "render-1/other/file", "text/plain", []byte("x"))
				put(t, c, bucket, "render-10/1/file", "text/plain", []byte("x"))
			}
			for range 2 {
				fill()
				n, err := c.DeleteMatching(t.Context(), bucket, "render-1/", func(key string) bool { return !strings.Contains(key, "other") })
				if err != nil || n != 5 {
					t.Fatalf("%d objects deleted, %v", n, err)
				}
				for i := range 5 {
					if _, err := c.Size(t.Context(), bucket, fmt.Sprintf("render-1/%d/file", i)); !errors.Is(err, store.ErrNotFound) {
						t.Errorf("object %d: %v, want ErrNotFound", i, err)
					}
				}
				for _, key := range []string{"render-1/other/file", "render-10/1/file"} {
					if _, err := c.Size(t.Context(), bucket, key); err != nil {
						t.Errorf("%s: %v", key, err)
					}
				}
			}
			if batches.Load() != test.batches || singles.Load() != test.singles {
				t.Errorf("%d requests for several and %d for one, want %d and %d", batches.Load(), singles.Load(), test.batches, test.singles)
			}
		})
	}
	c := storetest.Client(t)
	_, err := c.DeleteMatching(t.Context(), storetest.Bucket(t, c), "", func(string) bool { return true })
	if err == nil {
		t.Error("an empty prefix, which is the whole bucket, was taken")
	}
}
