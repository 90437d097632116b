package ingest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// Somebody deletes the bucket each time it was created.
func TestAWorkBucketThatWasDeletedIsMadeAgain(t *testing.T) {
	var there atomic.Bool
	made := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		switch {
		case r.Method == http.MethodPut:
			there.Store(true)
			made <- struct{}{}
		case there.Load():
			_, _ = w.Write([]byte(`<ListBucketResult><Name>work</Name></ListBucketResult>`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`<Error><Code>NoSuchBucket</Code></Error>`))
		}
	}))
	defer server.Close()
	objects, err := store.New(store.Config{Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keepBucket(ctx, Config{WorkBucket: "work"}, objects, 10*time.Millisecond)
	}()
	for range 3 {
		select {
		case <-made:
			there.Store(false)
		case <-time.After(2 * time.Minute):
			t.Fatal("nobody made the bucket")
		}
	}
	cancel()
	<-ended
}
