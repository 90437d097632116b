package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	// ErrDenied says that the store refused the keys, or that they lack a right.
	ErrDenied = errors.New("the store refused access")
	// ErrTooLarge says that the object is larger than the store, or the bucket, accepts.
	ErrTooLarge = errors.New("the object is larger than the store, or the bucket, allows")
	// ErrRefused says that the bucket does not accept the object's type or name.
	ErrRefused = errors.New("the bucket does not take such objects")
	// ErrNotS3 says that the server is not an S3 store.
	ErrNotS3 = errors.New("what answers is not an S3 store: S3_ENDPOINT must be the store's S3 endpoint, its path included " +
		"(Supabase: https://<ref>.storage.supabase.co/storage/v1/s3)")
)

// Client talks to one store. It is safe for concurrent use.
type Client struct {
	s3     *s3.Client
	signer *signer
	// presign signs URLs to write where they ask for checksums; nil elsewhere.
	presign *s3.PresignClient
	region  string
	idle    func()
	// oneByOne: the store refused to delete several objects with one request.
	oneByOne atomic.Bool
}

// New returns a client. It does not connect: Ping reports whether the store is there.
func New(cfg Config) (*Client, error) {
	return open(cfg, func(next http.RoundTripper) http.RoundTripper { return next })
}

// open makes a client whose requests go through what around returns.
func open(cfg Config, around func(http.RoundTripper) http.RoundTripper) (*Client, error) {
	base, err := endpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.AccessKeyID == "" || cfg.SecretAccessKey == "" {
		return nil, errors.New("open store: no access keys: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")
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
		HTTPClient:                 &http.Client{Transport: around(transport)},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 5
			o.MaxBackoff = 5 * time.Second
			// The default limiter is shared by all calls. A store that is away for a while would
			// use it up.
			o.RateLimiter = noLimit{}
		}),
	}
	if cfg.Checksums == checksumsWhenSupported {
		options.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		options.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
	}
	client := &Client{s3: s3.New(options), signer: newSigner(options, base), region: region, idle: transport.CloseIdleConnections}
	if cfg.Checksums == checksumsWhenSupported {
		client.presign = s3.NewPresignClient(client.s3)
	}
	return client, nil
}

// Close closes idle connections. Running calls go on.
func (c *Client) Close() { c.idle() }

// Ping returns nil if bucket exists and may be used, and ErrNoBucket, ErrDenied or ErrNotS3 if not.
func (c *Client) Ping(ctx context.Context, bucket string) error {
	// HeadBucket needs the same right, but its answers have no body: a 404 for a wrong path would
	// look like a missing bucket.
	_, err := c.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(1)})
	if notS3(err) {
		err = ErrNotS3
	}
	return explain(err, "look for bucket %s", bucket)
}

// notS3 reports whether an answer to a listing does not have the form of S3.
func notS3(err error) bool {
	var response *smithyhttp.ResponseError
	if err == nil || !errors.As(err, &response) || response.HTTPStatusCode() >= http.StatusInternalServerError {
		return false
	}
	status := response.HTTPStatusCode()
	// Without a code in the body the SDK derives one from the status. Errors of S3 have bodies.
	made := strings.ReplaceAll(http.StatusText(status), " ", "")
	var coded smithy.APIError
	return !errors.As(err, &coded) || isCode(err, "", "UnknownError") || isCode(err, made) && status != http.StatusForbidden
}

// noLimit allows every retry: only MaxAttempts bounds them.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noLimit) AddTokens(uint) error { return nil }

// explain adds the operation to an error, and wraps the sentinel error of the store's code, if
// there is one.
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
		case "EntityTooLarge":
			err = fmt.Errorf("%w (%s)", ErrTooLarge, coded.ErrorCode())
		case "InvalidMimeType", "InvalidKey":
			err = fmt.Errorf("%w (%s)", ErrRefused, coded.ErrorCode())
		case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch":
			err = fmt.Errorf("%w (%s)", ErrDenied, coded.ErrorCode())
		}
	}
	return fmt.Errorf("%s: %w", operation, err)
}

func isCode(err error, codes ...string) bool {
	var coded smithy.APIError
	return errors.As(err, &coded) && slices.Contains(codes, coded.ErrorCode())
}

func isStatus(err error, status int) bool {
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == status
}
