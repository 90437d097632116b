package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// EnsureBucket creates bucket unless it exists.
func (c *Client) EnsureBucket(ctx context.Context, bucket string) error {
	if err := c.Ping(ctx, bucket); !errors.Is(err, ErrNoBucket) {
		return err
	}
	input := &s3.CreateBucketInput{Bucket: &bucket}
	// AWS refuses its default region as a constraint, and requires one everywhere else.
	if c.region != "us-east-1" {
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(c.region),
		}
	}
	_, err := c.s3.CreateBucket(ctx, input)
	// Somebody else may have created it in between. Supabase returns BucketAlreadyExists for one's
	// own bucket, which elsewhere means that it is somebody else's.
	if owned := new(types.BucketAlreadyOwnedByYou); errors.As(err, &owned) {
		return nil
	}
	if taken := new(types.BucketAlreadyExists); errors.As(err, &taken) && c.Ping(ctx, bucket) == nil {
		return nil
	}
	return explain(err, "create bucket %s", bucket)
}

// ErrNoPolicies says that a store does not support bucket policies.
var ErrNoPolicies = errors.New("the store takes no bucket policy: make the bucket public where its owner looks after it " +
	"(Supabase: Storage > the bucket > Edit bucket > Public bucket)")

// AllowPublicRead lets everybody read the objects of bucket, but not list them, without a
// signature. It returns ErrNoPolicies if the store's S3 interface cannot do that.
func (c *Client) AllowPublicRead(ctx context.Context, bucket string) error {
	policy, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + bucket + "/*",
		}},
	})
	if err != nil {
		return fmt.Errorf("let anybody read bucket %s: %w", bucket, err)
	}
	text := string(policy)
	_, err = c.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &text})
	// Supabase treats the request as another CreateBucket.
	if taken := new(types.BucketAlreadyExists); errors.As(err, &taken) || isCode(err, "BucketAlreadyExists", "NotImplemented") {
		err = ErrNoPolicies
	}
	return explain(err, "let anybody read bucket %s", bucket)
}
