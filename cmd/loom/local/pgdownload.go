package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	"github.com/rs/zerolog"
)

// installedPostgres finds PostgreSQL's binaries as findPostgres does, and downloads some where none
// are installed.
func installedPostgres(ctx context.Context, major int, log zerolog.Logger) (pgBinaries, error) {
	b, err := findPostgres(ctx, major)
	if !errors.Is(err, ErrNoPostgres) {
		return b, err
	}
	if os.Geteuid() == 0 {
		// The user that they would have to run as comes with the package.
		return b, err
	}
	cache, cacheErr := os.UserCacheDir()
	if cacheErr != nil {
		return b, errors.Join(err, cacheErr)
	}
	target := filepath.Join(cache, "loom-lite", "postgresql")
	if b, err := inspectPostgres(ctx, filepath.Join(target, "bin")); err == nil {
		return b, nil
	}
	log.Info().Msg("no PostgreSQL is installed: downloading one, once")
	if downloadErr := downloadPostgres(target); downloadErr != nil {
		return b, fmt.Errorf("%w; and none could be downloaded: %w", err, downloadErr)
	}
	return inspectPostgres(ctx, filepath.Join(target, "bin"))
}

// downloadPostgres puts PostgreSQL's binaries into target. embedded-postgres downloads them when it
// starts a database: this one is started and stopped for that alone.
func downloadPostgres(target string) (err error) {
	scratch, err := os.MkdirTemp("", "loom-postgresql-")
	if err != nil {
		return fmt.Errorf("download PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	port, err := freePort(postgresPort)
	if err != nil {
		return err
	}
	db := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		BinariesPath(target).CachePath(filepath.Join(scratch, "cache")).RuntimePath(filepath.Join(scratch, "run")).
		Port(uint32(port)).Logger(io.Discard))
	if err := db.Start(); err != nil {
		return fmt.Errorf("download PostgreSQL: %w", err)
	}
	if err := db.Stop(); err != nil {
		return fmt.Errorf("try the downloaded PostgreSQL: %w", err)
	}
	return nil
}
