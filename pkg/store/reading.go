package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/redact"
)

// probes begins the keys of the objects that AnybodyReads stores.
const probes = "loom-probe/"

// probeAge is how old such an object is when nobody can need it any more.
const probeAge = time.Hour

// AnybodyReads reports whether objects of bucket can be read without a signature, at one of the
// URLs that urls returns for a key. It tries with an object of contentType, which the bucket must
// accept and which it deletes, as well as those of processes that were killed meanwhile. It returns
// an error if it could not find out.
func (c *Client) AnybodyReads(ctx context.Context, bucket, contentType string, urls func(key string) []string) (reads bool, err error) {
	if err := c.deleteProbes(ctx, bucket, time.Now().Add(-probeAge)); err != nil {
		return false, err
	}
	key := probes + uuid.NewString()
	_, err = c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType, Body: strings.NewReader("probe")})
	if err != nil {
		return false, explain(err, "write %s/%s", bucket, key)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, c.Delete(ctx, bucket, key))
	}()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	var unknown error
	for _, u := range urls(key) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
		if err != nil {
			return false, fmt.Errorf("read from bucket %s: the URL is not valid", bucket)
		}
		response, err := client.Do(request)
		if err != nil {
			unknown = fmt.Errorf("read from bucket %s at %s: %w", bucket, request.URL.Host, redact.Error(err))
			continue
		}
		_ = response.Body.Close()
		switch {
		case response.StatusCode == http.StatusOK:
			return true, nil
		case response.StatusCode >= http.StatusInternalServerError:
			unknown = fmt.Errorf("read from bucket %s at %s: it answered %s", bucket, request.URL.Host, response.Status)
		}
	}
	return false, unknown
}

// deleteProbes deletes the objects of AnybodyReads that were stored before a time.
func (c *Client) deleteProbes(ctx context.Context, bucket string, before time.Time) error {
	_, err := c.DeleteChosen(ctx, bucket, probes, func(_ context.Context, page []Object) (keys []string, err error) {
		for _, o := range page {
			if o.Written.Before(before) {
				keys = append(keys, o.Key)
			}
		}
		return keys, nil
	})
	return err
}

// UnsignedURLs returns the URLs at which an object of a public bucket can be read: at the endpoint
// and, with Supabase, at the project's public URL.
func (c Config) UnsignedURLs(bucket, key string) []string {
	base := strings.TrimRight(c.Endpoint, "/")
	urls := []string{base + "/" + url.PathEscape(bucket) + "/" + key}
	if root, supabase := strings.CutSuffix(base, supabasePath); supabase {
		urls = append(urls, root+"/storage/v1/object/public/"+url.PathEscape(bucket)+"/"+key)
	}
	return urls
}
