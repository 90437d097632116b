package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var (
	// ErrNoBucket says that a bucket does not exist.
	ErrNoBucket = errors.New("the bucket does not exist")
	// ErrNotFound says that an object does not exist.
	ErrNotFound = errors.New("the object does not exist")
	// ErrDenied says that the store refused the keys, or what they may do.
	ErrDenied = errors.New("the store refused access")
)

// Client talks to one store. It is safe for concurrent use.
type Client struct {
	s3      *s3.Client
	presign *s3.PresignClient
	region  string
	idle    func()
	// oneByOne: the store refused to delete several objects with one request.
	oneByOne atomic.Bool
}

// New returns a client. It does not connect: use Ping to find out whether the store is there.
func New(cfg Config) (*Client, error) {
	base, err := endpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.AccessKeyID == "" || cfg.SecretAccessKey == "" {
		return nil, errors.New("open store: no access keys")
	}
	region := cfg.Region
	if region == "" {
		region = "us-east-1"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	transport.ResponseHeaderTimeout = 2 * time.Minute
	options := s3.Options{
		BaseEndpoint:               aws.String(base.String()),
		Region:                     region,
		UsePathStyle:               true,
		Credentials:                credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
		HTTPClient:                 &http.Client{Transport: transport},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 5
			o.MaxBackoff = 5 * time.Second
			// The default bucket of tokens is for a process whole; a store that is away for a while would empty it.
			o.RateLimiter = noLimit{}
		}),
	}
	if cfg.Checksums == ChecksumsWhenSupported {
		options.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		options.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
	}
	client := s3.New(options)
	return &Client{
		s3: client, presign: s3.NewPresignClient(client), region: region, idle: transport.CloseIdleConnections,
	}, nil
}

// Close ends idle connections. Calls that run go on.
func (c *Client) Close() { c.idle() }

// Ping reports whether bucket is there and may be used: ErrNoBucket or ErrDenied when not.
func (c *Client) Ping(ctx context.Context, bucket string) error {
	_, err := c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	// A HEAD's answer has no body, and so no code that would tell a missing bucket from a missing object.
	if isStatus(err, http.StatusNotFound) {
		err = ErrNoBucket
	}
	return explain(err, "look for bucket %s", bucket)
}

// noLimit lets every retry through: attempts alone bound them.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noLimit) AddTokens(uint) error { return nil }

// explain names the operation and makes the errors that a caller may want to tell apart recognisable.
func explain(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	operation := fmt.Sprintf(format, args...)
	var coded smithy.APIError
	if errors.As(err, &coded) {
		switch coded.ErrorCode() {
		case "NoSuchBucket":
			err = ErrNoBucket
		case "NoSuchKey", "NotFound":
			err = ErrNotFound
		case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch":
			err = fmt.Errorf("%w (%s)", ErrDenied, coded.ErrorCode())
		}
	}
	return fmt.Errorf("%s: %w", operation, err)
}

func isStatus(err error, status int) bool {
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == status
}
