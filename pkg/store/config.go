package store

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Config is the settings of a store. A service embeds it in its Config.
type Config struct {
	// Endpoint is the store's base URL. Supabase: https://<ref>.storage.supabase.co/storage/v1/s3.
	Endpoint string `env:"S3_ENDPOINT,required" wants:"the URL of the S3 endpoint, such as http://127.0.0.1:7070"`
	// Region is the region that requests are signed for. Supabase shows it under Storage settings.
	Region string `env:"S3_REGION" envDefault:"us-east-1"`
	// AccessKeyID and SecretAccessKey sign requests.
	AccessKeyID     string `env:"S3_ACCESS_KEY_ID,required" wants:"the access key of the object store"`
	SecretAccessKey string `env:"S3_SECRET_ACCESS_KEY,required" wants:"the secret key of the object store"`
	// MaxObject is the largest object that the store takes, in bytes. A larger file is stored in
	// several objects. 0: see ObjectBytes. S3 joins objects only if all but the last have 5 MiB or
	// more, and holds none above 5 GiB (msg.MaxObject).
	MaxObject int64 `env:"S3_MAX_OBJECT_BYTES" min:"5242880" max:"5368709120" unit:"bytes"`
	// Checksums is when to send and check the SDK's own checksums: when_required, which works with
	// every store, or when_supported.
	Checksums string `env:"S3_CHECKSUMS" envDefault:"when_required" oneof:"when_required when_supported"`
}

// checksumsWhenSupported is a value of S3_CHECKSUMS.
const checksumsWhenSupported = "when_supported"

// Check checks what the tags cannot: it calls add with each wrong variable and what it must be.
func (c Config) Check(add func(variable, wants string)) {
	if _, err := endpoint(c.Endpoint); c.Endpoint != "" && err != nil {
		add("S3_ENDPOINT", "an http or https URL without a query, such as http://127.0.0.1:7070")
	}
}

// supabaseObject is the largest object that Supabase takes, unless the project's settings raise it.
const supabaseObject = 50 << 20

// ObjectBytes returns the largest object that the store takes, in bytes: MaxObject if it is set, 50
// MiB for Supabase, and else S3's bound.
func (c Config) ObjectBytes() int64 {
	switch {
	case c.MaxObject > 0:
		return c.MaxObject
	case isSupabase(c.Endpoint):
		return supabaseObject
	}
	return msg.MaxObject
}

var errEndpoint = errors.New("the S3 endpoint is not an http or https URL")

func endpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("open store: %w", errEndpoint)
	}
	return u, nil
}
