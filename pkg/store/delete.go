package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Delete deletes an object. It returns nil if there is no such object.
func (c *Client) Delete(ctx context.Context, bucket, key string) error {
	_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	return explain(err, "delete %s/%s", bucket, key)
}

// DeleteMatching deletes every object whose key starts with prefix, which must not be empty, and
// for which match returns true: up to a thousand in one request, if the store supports that. It
// returns how many it has deleted.
func (c *Client) DeleteMatching(ctx context.Context, bucket, prefix string, match func(key string) bool) (deleted int, err error) {
	if prefix == "" {
		return 0, fmt.Errorf("delete from %s: the prefix is empty", bucket)
	}
	pages := s3.NewListObjectsV2Paginator(c.s3, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return deleted, explain(err, "list %s/%s", bucket, prefix)
		}
		var batch []types.ObjectIdentifier
		for _, object := range page.Contents {
			if match(aws.ToString(object.Key)) {
				batch = append(batch, types.ObjectIdentifier{Key: object.Key})
			}
		}
		if err := c.deleteBatch(ctx, bucket, batch); err != nil {
			return deleted, err
		}
		deleted += len(batch)
	}
	return deleted, nil
}

// Object is an object in a listing.
type Object struct {
	Key string
	// Written is when it was stored, by the store's clock.
	Written time.Time
}

// DeleteChosen lists the objects of a bucket whose keys begin with prefix, page by page. It deletes
// those that choose returns of each page, and returns how many it has deleted. No more than a page,
// a thousand objects, is in memory.
func (c *Client) DeleteChosen(ctx context.Context, bucket, prefix string, choose func(context.Context, []Object) (keys []string, err error)) (
	deleted int, err error) {
	pages := s3.NewListObjectsV2Paginator(c.s3, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return deleted, explain(err, "list %s", bucket)
		}
		var listed []Object
		for _, o := range page.Contents {
			listed = append(listed, Object{aws.ToString(o.Key), aws.ToTime(o.LastModified)})
		}
		keys, err := choose(ctx, listed)
		if err != nil {
			return deleted, err
		}
		var batch []types.ObjectIdentifier
		for _, key := range keys {
			batch = append(batch, types.ObjectIdentifier{Key: &key})
		}
		if err := c.deleteBatch(ctx, bucket, batch); err != nil {
			return deleted, err
		}
		deleted += len(batch)
	}
	return deleted, nil
}

// deleteBatch deletes the objects of one page of a listing, which are no more than a request takes.
func (c *Client) deleteBatch(ctx context.Context, bucket string, batch []types.ObjectIdentifier) error {
	if len(batch) > 1 && !c.oneByOne.Load() {
		answer, err := c.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &bucket, Delete: &types.Delete{Objects: batch, Quiet: aws.Bool(true)},
		})
		switch {
		case err == nil && len(answer.Errors) == 0:
			return nil
		case err == nil:
			first := answer.Errors[0]
			return fmt.Errorf("delete %s/%s and others: %d refused: %s", bucket, aws.ToString(first.Key), len(answer.Errors), aws.ToString(first.Code))
		case !refused(err):
			return explain(err, "delete %d objects of %s", len(batch), bucket)
		}
		// Deleting one by one shows whether the store refuses batches, or the deletion.
	}
	for _, object := range batch {
		if err := c.Delete(ctx, bucket, aws.ToString(object.Key)); err != nil {
			return err
		}
	}
	if len(batch) > 1 {
		c.oneByOne.Store(true)
	}
	return nil
}

// refused reports whether the store refused the request itself, which it does not support or for
// which it requires another checksum.
func refused(err error) bool {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		return false
	}
	switch status := response.HTTPStatusCode(); status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return status < 500 || status == http.StatusNotImplemented
	}
}
