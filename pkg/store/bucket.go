package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// EnsureBucket makes bucket unless it is there.
func (c *Client) EnsureBucket(ctx context.Context, bucket string) error {
	if err := c.Ping(ctx, bucket); !errors.Is(err, ErrNoBucket) {
		return err
	}
	input := &s3.CreateBucketInput{Bucket: &bucket}
	// AWS refuses its default region as a constraint, and asks for one everywhere else.
	if c.region != "us-east-1" {
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(c.region),
		}
	}
	_, err := c.s3.CreateBucket(ctx, input)
	// Somebody else may have made it in between.
	if owned := new(types.BucketAlreadyOwnedByYou); errors.As(err, &owned) {
		return nil
	}
	return explain(err, "make bucket %s", bucket)
}

// AllowPublicRead lets anybody read the objects of bucket (not list them) without a signature.
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
	return explain(err, "let anybody read bucket %s", bucket)
}
