package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// put writes an object through a presigned URL, as workers do.
func put(t *testing.T, c *store.Client, bucket, key, contentType string, body []byte) {
	t.Helper()
	url, err := c.PresignPut(t.Context(), bucket, key, contentType, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	status, _, _ := request(t, http.MethodPut, string(url), contentType, body)
	if status != http.StatusOK {
		t.Fatalf("PUT %s/%s: status %d", bucket, key, status)
	}
}

func request(t *testing.T, method, url, contentType string, body []byte) (status int, header http.Header, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, answer
}

func TestPresignedURLsWriteAndRead(t *testing.T) {
	c := storetest.Client(t)
	bucket := storetest.Bucket(t, c)
	put(t, c, bucket, "a/b/video.mp4", "video/mp4", []byte("pictures"))

	url, err := c.PresignGet(t.Context(), bucket, "a/b/video.mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	status, header, body := request(t, http.MethodGet, string(url), "", nil)
	if status != http.StatusOK || string(body) != "pictures" || header.Get("Content-Type") != "video/mp4" {
		t.Errorf("GET: status %d, type %q, body %q", status, header.Get("Content-Type"), body)
	}
}

func TestAPresignedPutInsistsOnItsContentType(t *testing.T) {
	c := storetest.Client(t)
	bucket := storetest.Bucket(t, c)
	url, err := c.PresignPut(t.Context(), bucket, "key", "video/mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := request(t, http.MethodPut, string(url), "text/html", []byte("x")); status != http.StatusForbidden {
		t.Errorf("status %d for another content type, want 403", status)
	}
}

func TestCopyKeepsTheBytesAndSaysHowToServeThem(t *testing.T) {
	c := storetest.Client(t)
	from, to := storetest.Bucket(t, c), storetest.Bucket(t, c)
	const key = "r/1/a1/video with a space+plus.mp4"
	put(t, c, from, key, "application/octet-stream", []byte("pictures"))
	if err := c.Copy(t.Context(), from, key, to, "r/2.mp4", store.Copying{ContentType: "video/mp4"}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Size(t.Context(), to, "r/2.mp4"); err != nil || n != int64(len("pictures")) {
		t.Errorf("size %d, %v", n, err)
	}
	url, err := c.PresignGet(t.Context(), to, "r/2.mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, header, body := request(t, http.MethodGet, string(url), "", nil)
	if string(body) != "pictures" || header.Get("Content-Type") != "video/mp4" ||
		!strings.Contains(header.Get("Cache-Control"), "immutable") {
		t.Errorf("body %q, headers %v", body, header)
	}
}

func TestWhatIsMissingIsToldApart(t *testing.T) {
	c := storetest.Client(t)
	bucket := storetest.Bucket(t, c)
	_, noObject := c.Size(t.Context(), bucket, "nothing")
	for name, test := range map[string]struct{ err, want error }{
		"size of no object":     {noObject, store.ErrNotFound},
		"copy of no object":     {c.Copy(t.Context(), bucket, "nothing", bucket, "copy", store.Copying{ContentType: "text/plain"}), store.ErrNotFound},
		"download of no object": {c.Download(t.Context(), bucket, "nothing", filepath.Join(t.TempDir(), "f")), store.ErrNotFound},
		"ping of no bucket":     {c.Ping(t.Context(), "no-such-bucket"), store.ErrNoBucket},
		"copy to no bucket":     {copyToNoBucket(t, c, bucket), store.ErrNoBucket},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
}

func copyToNoBucket(t *testing.T, c *store.Client, bucket string) error {
	t.Helper()
	put(t, c, bucket, "key", "text/plain", []byte("x"))
	return c.Copy(t.Context(), bucket, "key", "no-such-bucket", "key", store.Copying{ContentType: "text/plain"})
}

func TestWrongKeysAreDenied(t *testing.T) {
	cfg := storetest.Server(t)
	cfg.SecretAccessKey = "another-secret"
	c, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Ping(t.Context(), "any-bucket")
	if !errors.Is(err, store.ErrDenied) || strings.Contains(err.Error(), "another-secret") {
		t.Errorf("%v, want ErrDenied", err)
	}
}

func TestEnsureBucketMakesItOnce(t *testing.T) {
	c := storetest.Client(t)
	for range 2 {
		if err := c.EnsureBucket(t.Context(), "made-once"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Ping(t.Context(), "made-once"); err != nil {
		t.Error(err)
	}
}

func TestPublicReadOpensObjectsAndNotTheList(t *testing.T) {
	cfg := storetest.Server(t)
	c := storetest.Client(t)
	bucket := storetest.Bucket(t, c)
	put(t, c, bucket, "video.mp4", "video/mp4", []byte("pictures"))
	address := cfg.Endpoint + "/" + bucket
	if status, _, _ := request(t, http.MethodGet, address+"/video.mp4", "", nil); status != http.StatusForbidden {
		t.Errorf("before: status %d, want 403", status)
	}
	if err := c.AllowPublicRead(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	if status, _, body := request(t, http.MethodGet, address+"/video.mp4", "", nil); status != http.StatusOK || string(body) != "pictures" {
		t.Errorf("after: status %d, body %q", status, body)
	}
	if status, _, _ := request(t, http.MethodGet, address, "", nil); status == http.StatusOK {
		t.Error("anybody may list the bucket")
	}
}

func TestDownloadWritesAllOrNothing(t *testing.T) {
	c := storetest.Client(t)
	bucket := storetest.Bucket(t, c)
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	put(t, c, bucket, "big", "application/octet-stream", content)
	dir := t.TempDir()
	if err := c.Download(t.Context(), bucket, "big", filepath.Join(dir, "big")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "big")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes of %d, %v", len(got), len(content), err)
	}
	if err := c.Download(t.Context(), bucket, "missing", filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing object was downloaded")
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestNothingIsReadFromTheMachine(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "machine")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "machine")
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	c, err := store.New(store.Config{Endpoint: "http://store.example:9000", AccessKeyID: "ours", SecretAccessKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	url, err := c.PresignGet(context.Background(), "bucket", "key", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http://store.example:9000/bucket/key?", "ours%2F", "us-east-1"} {
		if !strings.Contains(string(url), want) {
			t.Errorf("the URL has no %s", want)
		}
	}
}
