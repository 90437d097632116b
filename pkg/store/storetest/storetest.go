package storetest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/loom-lite/loom-lite/pkg/servers/s3d"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// folder is where the server has its files.
var folder string

// running is the process's one server. No test stops it: it ends with the process.
var running = sync.OnceValues(func() (*s3d.Server, error) {
	// Another process may take a free port before the server does.
	for attempt := 1; ; attempt++ {
		dir, err := os.MkdirTemp("", "loom-s3-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the S3 server: %w", err)
		}
		s, err := s3d.StartKept(context.Background(), s3d.Options{Dir: dir, AccessKey: "test-access", SecretKey: "test-secret", Keys: true})
		if err == nil {
			folder = dir
			return s, nil
		}
		if attempt == 3 {
			return nil, err
		}
	}
})

// Server returns the settings of a running server. Buckets are shared by the tests of a process:
// see Bucket.
func Server(t testing.TB) store.Config {
	t.Helper()
	server, err := running()
	if err != nil {
		t.Fatal(err)
	}
	return server.Config
}

// Client returns a client of the server, closed when t ends.
func Client(t testing.TB) *store.Client {
	t.Helper()
	client, err := store.New(Server(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

var serial atomic.Int64

// Bucket makes a bucket of t's own and returns its name.
func Bucket(t testing.TB, client *store.Client) string {
	t.Helper()
	name := fmt.Sprintf("test-%d", serial.Add(1))
	if err := client.EnsureBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Age makes an object look as if it had been stored so long ago.
func Age(t testing.TB, bucket, key string, by time.Duration) {
	t.Helper()
	Server(t)
	then := time.Now().Add(-by)
	if err := os.Chtimes(filepath.Join(s3d.Buckets(folder), bucket, filepath.FromSlash(key)), then, then); err != nil {
		t.Fatal(err)
	}
}

// BeginUpload begins an upload in several parts that nobody completes, and stores one part.
func BeginUpload(t testing.TB, bucket, key string) {
	t.Helper()
	cfg := Server(t)
	transport := &http.Transport{DisableKeepAlives: true}
	client := s3.New(s3.Options{
		BaseEndpoint: &cfg.Endpoint, Region: "us-east-1", UsePathStyle: true, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
	})
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x"),
	})
	if err != nil {
		t.Fatal(err)
	}
}
