package store

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// PresignGet returns a URL to read an object. It is valid for ttl, which is at most 7 days.
func (c *Client) PresignGet(ctx context.Context, bucket, key string, ttl time.Duration) (msg.SignedURL, error) {
	request, err := c.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key},
		s3.WithPresignExpires(ttl))
	if err != nil {
		return "", explain(err, "sign a URL to read %s/%s", bucket, key)
	}
	return msg.SignedURL(request.URL), nil
}

// PresignPut returns a URL to write an object. It is valid for ttl, which is at most 7 days. The
// request's Content-Type must be contentType.
func (c *Client) PresignPut(ctx context.Context, bucket, key, contentType string, ttl time.Duration) (msg.SignedURL, error) {
	request, err := c.presign.PresignPutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", explain(err, "sign a URL to write %s/%s", bucket, key)
	}
	return msg.SignedURL(request.URL), nil
}
