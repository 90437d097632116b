package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

// Cache-Control of finished objects. They never change, since each key is written with the same
// bytes only. Shared caches may keep an object only if everybody may read it.
const (
	cachePublic  = "public, max-age=31536000, immutable"
	cachePrivate = "private, max-age=31536000, immutable"
)

// Copying is what a copy has of its own.
type Copying struct {
	ContentType string
	// Public means that everybody may read the copy, so that shared caches may keep it.
	Public bool
}

func (c Copying) cacheControl() *string {
	if c.Public {
		return aws.String(cachePublic)
	}
	return aws.String(cachePrivate)
}

// Size returns an object's size in bytes, or ErrNotFound.
func (c *Client) Size(ctx context.Context, bucket, key string) (int64, error) {
	head, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, explain(err, "look up %s/%s", bucket, key)
	}
	return aws.ToInt64(head.ContentLength), nil
}

// Copy copies an object within the store; its bytes do not pass through this machine. Caches may
// keep the copy for ever.
func (c *Client) Copy(ctx context.Context, fromBucket, fromKey, toBucket, toKey string, how Copying) error {
	_, err := c.s3.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &toBucket, Key: &toKey, CopySource: aws.String(copySource(fromBucket, fromKey)),
		ContentType: &how.ContentType, CacheControl: how.cacheControl(), MetadataDirective: types.MetadataDirectiveReplace,
	})
	return explain(missingTarget(err), "copy %s/%s to %s/%s", fromBucket, fromKey, toBucket, toKey)
}

// Join copies several objects into one, within the store. All but the last must have at least 5
// MiB. Of two calls that write to the same key at the same time, the one that began first fails.
func (c *Client) Join(ctx context.Context, fromBucket string, fromKeys []string, toBucket, toKey string, how Copying) (err error) {
	const operation = "join the parts of %s/%s"
	c.abortUploads(ctx, toBucket, toKey)
	upload, err := c.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &toBucket, Key: &toKey, ContentType: &how.ContentType, CacheControl: how.cacheControl(),
	})
	if err != nil {
		return explain(missingTarget(err), operation, toBucket, toKey)
	}
	defer func() {
		if err == nil {
			return
		}
		// The parts that were copied use space, though no listing shows them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, abort := c.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &toBucket, Key: &toKey, UploadId: upload.UploadId})
		err = errors.Join(err, explain(abort, "abort the upload of %s/%s", toBucket, toKey))
	}()
	var parts []types.CompletedPart
	for i, key := range fromKeys {
		number := aws.Int32(int32(i + 1))
		part, err := c.s3.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
			Bucket: &toBucket, Key: &toKey, UploadId: upload.UploadId, PartNumber: number, CopySource: aws.String(copySource(fromBucket, key)),
		})
		if err != nil {
			return explain(missingTarget(err), operation, toBucket, toKey)
		}
		parts = append(parts, types.CompletedPart{ETag: part.CopyPartResult.ETag, PartNumber: number})
	}
	_, err = c.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &toBucket, Key: &toKey, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return explain(err, operation, toBucket, toKey)
}

// AbortUploads ends the uploads to a bucket that were begun and not completed, and that choose
// returns true for. It returns how many. ErrNoUploads says that the store lists none.
func (c *Client) AbortUploads(ctx context.Context, bucket string, choose func(key string, begun time.Time) bool) (aborted int, err error) {
	pages := s3.NewListMultipartUploadsPaginator(c.s3, &s3.ListMultipartUploadsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isStatus(err, http.StatusNotImplemented) {
			return aborted, fmt.Errorf("list uploads to %s: %w", bucket, ErrNoUploads)
		}
		if err != nil {
			return aborted, explain(err, "list uploads to %s", bucket)
		}
		for _, u := range page.Uploads {
			if !choose(aws.ToString(u.Key), aws.ToTime(u.Initiated)) {
				continue
			}
			_, err := c.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil && !isCode(err, "NoSuchUpload") {
				return aborted, explain(err, "abort the upload of %s/%s", bucket, aws.ToString(u.Key))
			}
			aborted++
		}
	}
	return aborted, nil
}

// ErrNoUploads says that a store does not list uploads that were not completed.
var ErrNoUploads = errors.New("the store does not list uploads")

// abortUploads ends uploads to key that others have begun. A process that was killed leaves parts
// behind, which use space though no listing shows them. Errors are ignored: not every store lists
// uploads, and nothing depends on it.
func (c *Client) abortUploads(ctx context.Context, bucket, key string) {
	begun, err := c.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &key})
	if err != nil {
		return
	}
	for _, upload := range begun.Uploads {
		if aws.ToString(upload.Key) == key {
			_, _ = c.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId})
		}
	}
}

// missingTarget returns ErrNoBucket for Supabase's answer to a copy into a bucket that does not
// exist, as other stores do.
func missingTarget(err error) error {
	var coded smithy.APIError
	if errors.As(err, &coded) && coded.ErrorCode() == "InvalidRequest" && isStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w (%s)", ErrNoBucket, coded.ErrorCode())
	}
	return err
}

// copySource returns the value of the header: the path with each part escaped, but not the slashes.
// Supabase does not unescape it, so bucket and key must need no escaping there, as our keys do.
func copySource(bucket, key string) string {
	parts := strings.Split(bucket+"/"+key, "/")
	for i, part := range parts {
		// Some stores read a plus as a space, so both are escaped.
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// Download writes an object to the file at path. If it returns an error, there is no file.
func (c *Client) Download(ctx context.Context, bucket, key, path string) error {
	operation := fmt.Sprintf("download %s/%s", bucket, key)
	object, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return explain(err, "%s", operation)
	}
	defer func() { _ = object.Body.Close() }()
	if _, err := atomicfile.Copy(path, object.Body, aws.ToInt64(object.ContentLength), 0o644); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// Put stores a small object.
func (c *Client) Put(ctx context.Context, bucket, key, contentType string, body []byte) error {
	_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType, Body: bytes.NewReader(body)})
	return explain(err, "store %s/%s", bucket, key)
}

// Publish stores a small object beside copies. Caches may keep it for ever.
func (c *Client) Publish(ctx context.Context, bucket, key string, body []byte, how Copying) error {
	_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, ContentType: &how.ContentType, CacheControl: how.cacheControl(), Body: bytes.NewReader(body),
	})
	return explain(missingTarget(err), "store %s/%s", bucket, key)
}

// Keys lists the keys that start with prefix, in their order, a thousand at most.
func (c *Client) Keys(ctx context.Context, bucket, prefix string) ([]string, error) {
	page, err := c.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	if err != nil {
		return nil, explain(err, "list %s/%s", bucket, prefix)
	}
	var keys []string
	for _, o := range page.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys, nil
}
