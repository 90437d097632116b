package console

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// objects opens the store under the name that users know it by.
func (c *Config) objects() (*store.Client, error) {
	cfg := c.Store
	if c.StoreURL != "" {
		cfg.Endpoint = c.StoreURL
	}
	return store.New(cfg)
}

// signer signs URLs to read objects.
type signer struct{ client *store.Client }

// Sign returns a URL to read an object, which is valid for ttl.
func (s signer) Sign(ctx context.Context, bucket, key string, ttl time.Duration) (string, error) {
	url, err := s.client.PresignGet(ctx, bucket, key, ttl)
	return string(url), err
}
