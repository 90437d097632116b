package store

import (
	"errors"
	"fmt"
	"net/url"
)

// Config says which store, and with which keys. Embed it in a service's Config.
type Config struct {
	// Endpoint is the store's base URL. Supabase: https://<ref>.storage.supabase.co/storage/v1/s3.
	Endpoint string `env:"S3_ENDPOINT,required" wants:"the URL of the S3 endpoint, such as http://127.0.0.1:7070"`
	// Region is what requests are signed for. Supabase shows the project's under Storage settings.
	Region string `env:"S3_REGION" envDefault:"us-east-1"`
	// AccessKeyID and SecretAccessKey sign requests.
	AccessKeyID     string `env:"S3_ACCESS_KEY_ID,required" wants:"the access key of the object store"`
	SecretAccessKey string `env:"S3_SECRET_ACCESS_KEY,required" wants:"the secret key of the object store"`
	// Checksums is when to send and check the SDK's own checksums: when_required (what every store takes) or
	// when_supported.
	Checksums string `env:"S3_CHECKSUMS" envDefault:"when_required"`
}

// Values of S3_CHECKSUMS.
const (
	ChecksumsWhenRequired  = "when_required"
	ChecksumsWhenSupported = "when_supported"
)

// Check reports what a type alone cannot rule out: add is given a variable and what it wants.
func (c Config) Check(add func(variable, wants string)) {
	if _, err := endpoint(c.Endpoint); c.Endpoint != "" && err != nil {
		add("S3_ENDPOINT", "an http or https URL without a query, such as http://127.0.0.1:7070")
	}
	switch c.Checksums {
	case "", ChecksumsWhenRequired, ChecksumsWhenSupported:
	default:
		add("S3_CHECKSUMS", ChecksumsWhenRequired+" or "+ChecksumsWhenSupported)
	}
}

var errEndpoint = errors.New("the S3 endpoint is not an http or https URL")

func endpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("open store: %w", errEndpoint)
	}
	return u, nil
}
