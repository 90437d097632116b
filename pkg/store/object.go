package store

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// immutable is what is said of every finished object: its key is never written with anything else.
const immutable = "public, max-age=31536000, immutable"

// Size returns an object's length in bytes; ErrNotFound when there is none.
func (c *Client) Size(ctx context.Context, bucket, key string) (int64, error) {
	head, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, explain(err, "look up %s/%s", bucket, key)
	}
	return aws.ToInt64(head.ContentLength), nil
}

// Copy copies an object within the store, without it passing through this machine. The copy has contentType and may be
// cached for ever.
func (c *Client) Copy(ctx context.Context, fromBucket, fromKey, toBucket, toKey, contentType string) error {
	_, err := c.s3.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &toBucket, Key: &toKey, CopySource: aws.String(copySource(fromBucket, fromKey)),
		ContentType: &contentType, CacheControl: aws.String(immutable), MetadataDirective: types.MetadataDirectiveReplace,
	})
	return explain(err, "copy %s/%s to %s/%s", fromBucket, fromKey, toBucket, toKey)
}

// copySource is the header's value: each part of the path escaped, the slashes not.
func copySource(bucket, key string) string {
	parts := strings.Split(bucket+"/"+key, "/")
	for i, part := range parts {
		// Stores differ in whether a plus is a space here: escaped, neither can be mistaken.
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// Download writes an object to the file at path: all of it, or the file is not there.
func (c *Client) Download(ctx context.Context, bucket, key, path string) (err error) {
	operation := fmt.Sprintf("download %s/%s", bucket, key)
	object, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return explain(err, "%s", operation)
	}
	defer func() { _ = object.Body.Close() }()
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	n, err := io.Copy(file, object.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if want := aws.ToInt64(object.ContentLength); n != want {
		return fmt.Errorf("%s: got %d of %d bytes", operation, n, want)
	}
	if err := file.Chmod(0o644); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}
