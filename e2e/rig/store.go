package rig

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/servers/s3d"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// Credentials of the S3 server's owner. No log may hold the secret.
const (
	accessKey = "loom-e2e"
	secretKey = "e2e-storage-secret-4f1c"
)

// Store is an S3 server, versitygw, behind a proxy that can hold requests for a test.
type Store struct {
	// Endpoint is the proxy's address, the only one that services know.
	Endpoint string
	root     string
	server   *s3d.Server
	proxy    *httptest.Server
	// keys are the settings of each service that has a key.
	keys map[string]store.Config

	mu    sync.Mutex
	holds []storeHold
	// refused are the signed requests whose key lacked a right.
	refused []string
}

type storeHold struct {
	method, part string
	hold         *Hold
}

func startStore(t testing.TB, dir string) *Store {
	t.Helper()
	s := &Store{root: s3d.Buckets(dir)}
	var err error
	if s.server, err = s3d.Start(t.Context(), s3d.Options{Dir: dir, AccessKey: accessKey, SecretKey: secretKey, Keys: true}); err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(s.server.Config.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s.proxy = httptest.NewServer(s.handler(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			// The signature covers the host that the client knows.
			r.Out.Host = r.In.Host
		},
		Transport:      &http.Transport{DisableKeepAlives: true},
		ModifyResponse: s.noteRefusal,
		// A client that was killed, or a server that was: the other side sees it, and the test's
		// log need not.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}))
	s.Endpoint = s.proxy.URL
	s.makeBuckets(t)
	s.keys = map[string]store.Config{}
	for _, kind := range []string{"ingest", "uploader"} {
		policy := storetest.Policy(t, kind, storetest.Buckets{Work: "loom-work", Videos: "videos", Thumbnails: "thumbnails"})
		if s.keys[kind], err = s.server.AddKey(t.Context(), kind, policy); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// makeBuckets makes the buckets, as their owner does: the services' keys may not.
func (s *Store) makeBuckets(t testing.TB) {
	t.Helper()
	config := s.server.Config
	config.Endpoint = s.Endpoint
	client, err := store.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, bucket := range []string{"loom-work", "videos", "thumbnails"} {
		err := client.EnsureBucket(t.Context(), bucket)
		if err == nil && bucket != "loom-work" {
			err = client.AllowPublicRead(t.Context(), bucket)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *Store) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range s.holdsOf(r) {
			if h.wait(r.Context()) != nil {
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Store) holdsOf(r *http.Request) []*Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Hold
	for _, h := range s.holds {
		if h.method == r.Method && strings.Contains(r.URL.Path, h.part) {
			found = append(found, h.hold)
		}
	}
	return found
}

// Hold holds requests of this method whose path (bucket and key) contains part, until they are
// released or the test ends.
func (s *Store) Hold(t testing.TB, method, part string) *Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := newHold()
	t.Cleanup(h.Release)
	s.holds = append(s.holds, storeHold{method, part, h})
	return h
}

// Objects lists the keys in bucket that begin with prefix, read from the disk.
func (s *Store) Objects(t testing.TB, bucket, prefix string) []string {
	t.Helper()
	root := filepath.Join(s.root, bucket)
	var keys []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		key, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if !d.IsDir() && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("list bucket %s: %v", bucket, err)
	}
	slices.Sort(keys)
	return keys
}

func (s *Store) noteRefusal(response *http.Response) error {
	r := response.Request
	signed := r.Header.Get("Authorization") != "" || r.URL.Query().Has("X-Amz-Signature")
	if response.StatusCode == http.StatusForbidden && signed {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused = append(s.refused, r.Method+" "+r.URL.Path)
	}
	return nil
}

// checkRefusals returns an error if a service lacked a right.
func (s *Store) checkRefusals() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.refused) == 0 {
		return nil
	}
	return fmt.Errorf("the store has refused %d signed requests, %s first: deploy/s3 lists what keys may do", len(s.refused), s.refused[0])
}

// secrets are those of the services' keys.
func (s *Store) secrets() (secrets []string) {
	for _, key := range s.keys {
		secrets = append(secrets, key.SecretAccessKey)
	}
	return secrets
}

func (s *Store) stop() {
	s.mu.Lock()
	for _, h := range s.holds {
		h.hold.Release()
	}
	s.mu.Unlock()
	s.proxy.CloseClientConnections()
	s.proxy.Close()
	_ = s.server.Stop()
}
