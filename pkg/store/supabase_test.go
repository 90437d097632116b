package store_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

func asSupabase(t *testing.T) (*store.Client, *storetest.Supabase) {
	t.Helper()
	cfg, supabase := storetest.AsSupabase(t)
	c, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, supabase
}

func TestSupabasesAnswersAreUnderstood(t *testing.T) {
	c, _ := asSupabase(t)
	bucket := storetest.Bucket(t, c)
	put(t, c, bucket, "key", "text/plain", []byte("x"))
	how := store.Copying{ContentType: "text/plain"}
	for name, test := range map[string]struct{ err, want error }{
		"copy to no bucket":    {c.Copy(t.Context(), bucket, "key", "no-such-bucket", "key", how), store.ErrNoBucket},
		"copy from no bucket":  {c.Copy(t.Context(), "no-such-bucket", "key", bucket, "copy", how), store.ErrNotFound},
		"a policy":             {c.AllowPublicRead(t.Context(), bucket), store.ErrNoPolicies},
		"a bucket that exists": {c.EnsureBucket(t.Context(), bucket), nil},
		"a copy":               {c.Copy(t.Context(), bucket, "key", bucket, "r/parts-5242880/video.mp4", how), nil},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
}

func TestPartsAreJoinedWithinTheStore(t *testing.T) {
	c, _ := asSupabase(t)
	from, to := storetest.Bucket(t, c), storetest.Bucket(t, c)
	first, second := bytes.Repeat([]byte("a"), 5<<20), []byte("the rest")
	put(t, c, from, "video.mp4", "video/mp4", first)
	put(t, c, from, "video.mp4.1", "video/mp4", second)
	if err := c.Join(t.Context(), from, []string{"video.mp4", "video.mp4.1"}, to, "v.mp4", store.Copying{ContentType: "video/mp4"}); err != nil {
		t.Fatal(err)
	}
	url, err := c.PresignGet(t.Context(), to, "v.mp4", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, header, body := request(t, http.MethodGet, string(url), "", nil)
	if !bytes.Equal(body, append(first, second...)) || header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%d bytes of type %s", len(body), header.Get("Content-Type"))
	}
	if err := c.Join(t.Context(), from, []string{"video.mp4", "nothing"}, to, "w.mp4", store.Copying{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a part that is missing: %v", err)
	}
}

// An uploaded part uses space until its upload is completed or aborted.
func TestJoiningLeavesNoUploadBehind(t *testing.T) {
	c := storetest.Client(t)
	from, to := storetest.Bucket(t, c), storetest.Bucket(t, c)
	put(t, c, from, "video.mp4", "video/mp4", bytes.Repeat([]byte("a"), 5<<20))
	put(t, c, from, "video.mp4.1", "video/mp4", []byte("the rest"))
	cfg := storetest.Server(t)
	raw := s3.New(s3.Options{
		BaseEndpoint: &cfg.Endpoint, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
	})
	begun := func() (keys []string) {
		t.Helper()
		list, err := raw.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &to})
		if err != nil {
			t.Fatal(err)
		}
		for _, upload := range list.Uploads {
			keys = append(keys, *upload.Key)
		}
		return keys
	}
	// One upload is of a process that was killed, the other of another video.
	for _, key := range []string{"v.mp4", "v.mp4.other"} {
		if _, err := raw.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &to, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	for _, parts := range [][]string{{"video.mp4", "nothing"}, {"video.mp4", "video.mp4.1"}} {
		err := c.Join(t.Context(), from, parts, to, "v.mp4", store.Copying{ContentType: "video/mp4"})
		if (err == nil) != (parts[1] != "nothing") {
			t.Errorf("%q: %v", parts, err)
		}
		if keys := begun(); !slices.Equal(keys, []string{"v.mp4.other"}) {
			t.Errorf("%q: uploads of %q are left, want the other's", parts, keys)
		}
	}
}

func TestSharedCachesKeepOnlyWhatEverybodyMayRead(t *testing.T) {
	c := storetest.Client(t)
	bucket := storetest.Bucket(t, c)
	put(t, c, bucket, "key", "text/plain", []byte("x"))
	for public, want := range map[bool]string{true: "public", false: "private"} {
		if err := c.Copy(t.Context(), bucket, "key", bucket, want, store.Copying{ContentType: "text/plain", Public: public}); err != nil {
			t.Fatal(err)
		}
		url, err := c.PresignGet(t.Context(), bucket, want, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		_, header, _ := request(t, http.MethodGet, string(url), "", nil)
		if got := header.Get("Cache-Control"); !strings.HasPrefix(got, want+",") {
			t.Errorf("public %v: %s", public, got)
		}
	}
}

func TestAnEndpointThatIsNoS3StoreIsToldAsThat(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"a gateway's 404": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"statusCode":"404","error":"Not Found","message":"Route GET:/videos not found"}`))
		},
		"a web page": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<!doctype html><html><p>Hello</html>"))
		},
		"a web page's 404": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("<!doctype html><html><p>Not found</html>"))
		},
		"nothing but 404": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"a gateway's 401": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"message":"No API key found in request"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(serve)
			defer server.Close()
			c, err := store.New(store.Config{Endpoint: server.URL + "/storage/v1", AccessKeyID: "a", SecretAccessKey: "b"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, err := range []error{c.Ping(t.Context(), "videos"), c.EnsureBucket(t.Context(), "videos")} {
				if !errors.Is(err, store.ErrNotS3) || !strings.Contains(err.Error(), "S3_ENDPOINT") {
					t.Errorf("%v, want ErrNotS3", err)
				}
			}
		})
	}
}

func TestAnObjectsBoundIsTheStores(t *testing.T) {
	for endpoint, want := range map[string]int64{
		"https://abcd.storage.supabase.co/storage/v1/s3": 50 << 20, "https://supabase.example.com/storage/v1/s3/": 50 << 20,
		"https://s3.eu-central-1.amazonaws.com": 5 << 30, "http://127.0.0.1:7070": 5 << 30,
	} {
		if got := (store.Config{Endpoint: endpoint}).ObjectBytes(); got != want {
			t.Errorf("%s takes %d bytes, want %d", endpoint, got, want)
		}
		if got := (store.Config{Endpoint: endpoint, MaxObject: 7 << 20}).ObjectBytes(); got != 7<<20 {
			t.Errorf("%s, told: %d", endpoint, got)
		}
	}
}
