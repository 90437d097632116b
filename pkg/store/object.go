package store

import (
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

// What is said of finished objects to caches: their keys are never written with anything else.
// Shared caches keep those alone that everybody may read.
const (
	cachePublic  = "public, max-age=31536000, immutable"
	cachePrivate = "private, max-age=31536000, immutable"
)

// Copying says how a copy differs from what it is of.
type Copying struct {
	ContentType string
	// Public: everybody may read the copy, and caches may give it to everybody.
	Public bool
}

func (c Copying) cacheControl() *string {
	if c.Public {
		return aws.String(cachePublic)
	}
	return aws.String(cachePrivate)
}

// Size returns an object's length in bytes; ErrNotFound when there is none.
func (c *Client) Size(ctx context.Context, bucket, key string) (int64, error) {
	head, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, explain(err, "look up %s/%s", bucket, key)
	}
	return aws.ToInt64(head.ContentLength), nil
}

// Copy copies an object within the store, without it passing through this machine. The copy may be
// cached for ever.
func (c *Client) Copy(ctx context.Context, fromBucket, fromKey, toBucket, toKey string, how Copying) error {
	_, err := c.s3.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &toBucket, Key: &toKey, CopySource: aws.String(copySource(fromBucket, fromKey)),
		ContentType: &how.ContentType, CacheControl: how.cacheControl(), MetadataDirective: types.MetadataDirectiveReplace,
	})
	return explain(missingTarget(err), "copy %s/%s to %s/%s", fromBucket, fromKey, toBucket, toKey)
}

// Join makes one object of several within the store, as Copy does of one. All but the last have at
// least 5 MiB. Of two that join to the same key at the same time, the one that began first fails.
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
		// What is left of it costs space, and nobody sees it.
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

// abortUploads ends uploads to key that others have begun: one that was killed leaves its parts
// behind, which cost space and which nobody sees. Nothing depends on it, and not every store lists
// uploads: what fails here is left as it is.
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

// missingTarget makes Supabase's answer to a copy into a bucket that is not there the one that
// others give.
func missingTarget(err error) error {
	var coded smithy.APIError
	if errors.As(err, &coded) && coded.ErrorCode() == "InvalidRequest" && isStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w (%s)", ErrNoBucket, coded.ErrorCode())
	}
	return err
}

// copySource is the header's value: each part of the path escaped, the slashes not. Supabase takes
// it as it is: there, bucket and key must be of what is not escaped, as our keys are.
func copySource(bucket, key string) string {
	parts := strings.Split(bucket+"/"+key, "/")
	for i, part := range parts {
		// Stores differ in whether a plus is a space here: escaped, neither can be mistaken.
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// Download writes an object to the file at path: all of it, or the file is not there.
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
