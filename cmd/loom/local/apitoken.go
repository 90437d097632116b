package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// apiToken returns the token of the API that the data folder keeps, in a file that only its owner
// can read. It makes one the first time, and when that of the folder cannot be used any more: it
// was revoked, or is another database's.
func apiToken(ctx context.Context, dir, databaseURL string) (string, error) {
	path := filepath.Join(dir, "api-token")
	db, err := postgres.Named(ctx, databaseURL, "loom")
	if err != nil {
		return "", err
	}
	defer db.Close()
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the API's token: %w", err)
	}
	secret := strings.TrimSpace(string(kept))
	_, err = tokens.Use(ctx, db, secret)
	if !errors.Is(err, tokens.ErrUnknown) {
		return secret, err
	}
	ctx = access.With(ctx, access.Principal{ID: "loom up", Name: "loom up", Kind: access.Operator, Scope: access.Admin})
	if _, secret, err = tokens.Create(ctx, db, tokens.Request{Name: "loom up", Scope: access.Admin}); err != nil {
		return "", err
	}
	if err := atomicfile.Write(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the API's token: %w", err)
	}
	return secret, nil
}
