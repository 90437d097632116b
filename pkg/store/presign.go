package store

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// PresignGet returns a URL that reads an object, for ttl (at most 7 days).
func (c *Client) PresignGet(ctx context.Context, bucket, key string, ttl time.Duration) (msg.SignedURL, error) {
	request, err := c.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key},
		s3.WithPresignExpires(ttl))
	if err != nil {
		return "", explain(err, "sign a URL to read %s/%s", bucket, key)
	}
	return msg.SignedURL(request.URL), nil
}

// PresignPut returns a URL that writes an object, for ttl (at most 7 days). The request must carry
// contentType as its Content-Type.
func (c *Client) PresignPut(ctx context.Context, bucket, key, contentType string, ttl time.Duration) (msg.SignedURL, error) {
	request, err := c.presign.PresignPutObject(ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", explain(err, "sign a URL to write %s/%s", bucket, key)
	}
	return msg.SignedURL(request.URL), nil
}
