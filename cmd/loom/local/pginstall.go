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

	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// CheckPostgres says which PostgreSQL a Stack on dir would run, or why it cannot run one.
func CheckPostgres(ctx context.Context, dir string) (string, error) {
	if _, err := postgresd.ServerAccount(); err != nil {
		return "", err
	}
	major, err := postgresd.MajorOf(filepath.Join(dir, "postgres", "data"))
	if err != nil {
		return "", err
	}
	i, err := postgresd.Find(ctx, major)
	if errors.Is(err, postgresd.ErrNotInstalled) && os.Geteuid() != 0 {
		return "none is installed: one is downloaded at the first start", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("PostgreSQL %d in %s", i.Major, i.Dir), nil
}

// installedPostgres finds PostgreSQL's binaries as postgresd.Find does, and downloads some where
// none are installed.
func installedPostgres(ctx context.Context, major int, log zerolog.Logger) (postgresd.Installation, error) {
	b, err := postgresd.Find(ctx, major)
	if !errors.Is(err, postgresd.ErrNotInstalled) {
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
	if b, err := postgresd.Inspect(ctx, filepath.Join(target, "bin")); err == nil {
		return b, nil
	}
	log.Info().Msg("no PostgreSQL is installed: downloading one, once")
	if downloadErr := downloadPostgres(target); downloadErr != nil {
		return b, fmt.Errorf("%w; and none could be downloaded: %w", err, downloadErr)
	}
	return postgresd.Inspect(ctx, filepath.Join(target, "bin"))
}

// downloadPostgres puts PostgreSQL's binaries into target. embedded-postgres downloads them when it
// starts a database: this one is started and stopped for that alone.
func downloadPostgres(target string) (err error) {
	scratch, err := os.MkdirTemp("", "loom-postgresql-")
	if err != nil {
		return fmt.Errorf("download PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	port, err := servers.FreePort(postgresPort)
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
