package store

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// signer signs URLs as s3.PresignClient does, at a fraction of what that takes: ingest signs a few
// for every task. They are in path style. It knows nothing of checksums.
type signer struct {
	v4          *v4.Signer
	credentials aws.CredentialsProvider
	base        *url.URL
	region      string
}

func newSigner(o s3.Options, base *url.URL) *signer {
	return &signer{
		v4:          v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
		credentials: o.Credentials, base: base, region: o.Region,
	}
}

// sign returns a URL for an operation on an object.
func (s *signer) sign(ctx context.Context, method, operation, bucket, key, contentType string, ttl time.Duration) (msg.SignedURL, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return "", err
	}
	at := *s.base
	path := "/" + bucket + "/" + key
	at.RawPath = strings.TrimSuffix(s.base.EscapedPath(), "/") + httpbinding.EscapePath(path, false)
	at.Path = strings.TrimSuffix(s.base.Path, "/") + path
	at.RawQuery = url.Values{"X-Amz-Expires": {strconv.Itoa(int(ttl.Seconds()))}, "x-id": {operation}}.Encode()
	request := &http.Request{Method: method, URL: &at, Host: at.Host, Header: http.Header{}}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	signed, _, err := s.v4.PresignHTTP(ctx, credentials, request, "UNSIGNED-PAYLOAD", "s3", s.region, time.Now())
	return msg.SignedURL(signed), err
}

// PresignGet returns a URL to read an object. It is valid for ttl, which is at most 7 days.
func (c *Client) PresignGet(ctx context.Context, bucket, key string, ttl time.Duration) (msg.SignedURL, error) {
	signed, err := c.signer.sign(ctx, http.MethodGet, "GetObject", bucket, key, "", ttl)
	return signed, explain(err, "sign a URL to read %s/%s", bucket, key)
}

// PresignPut returns a URL to write an object. It is valid for ttl, which is at most 7 days. The
// request's Content-Type must be contentType.
func (c *Client) PresignPut(ctx context.Context, bucket, key, contentType string, ttl time.Duration) (msg.SignedURL, error) {
	if c.presign == nil {
		signed, err := c.signer.sign(ctx, http.MethodPut, "PutObject", bucket, key, contentType, ttl)
		return signed, explain(err, "sign a URL to write %s/%s", bucket, key)
	}
	request, err := c.presign.PresignPutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", explain(err, "sign a URL to write %s/%s", bucket, key)
	}
	return msg.SignedURL(request.URL), nil
}
