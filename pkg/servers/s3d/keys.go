package s3d

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// AddKey makes a user with a policy, a document in the language of AWS's IAM, and returns what a
// client needs to act with the user's key. It may do what the policy allows, and what bucket
// policies allow everybody. The server must have Options.Keys.
func (s *Server) AddKey(ctx context.Context, user, policy string) (store.Config, error) {
	keys, config := s.Keys(), s.Config
	err := keys.Allow(ctx, user, policy)
	if err == nil {
		config.AccessKeyID, config.SecretAccessKey, err = keys.NewKey(ctx, user)
	}
	if err != nil {
		return store.Config{}, fmt.Errorf("add the key of %s: %w", user, err)
	}
	return config, nil
}

// Keys returns the service of keys. The server must have Options.Keys.
func (s *Server) Keys() store.KeyService { return store.KeyService{Endpoint: s.keys, Root: s.Config} }
