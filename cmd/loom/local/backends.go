package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/servers/natsd"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// backends are the servers that the services need: Postgres, NATS and S3. They are embedded, except
// those whose URL is set.
type backends struct {
	postgres *cluster      // nil: external
	nats     *natsd.Server // nil: external
	s3       *s3Server     // nil: external
	// settings say where they are, for the services and for the ready file.
	settings map[string]string
}

// startServers starts what environ does not name, and prepares all three: migrations, buckets.
func startServers(ctx context.Context, dir string, environ map[string]string, log zerolog.Logger) (_ *backends, err error) {
	s := &backends{settings: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, start := range []func(context.Context, string, map[string]string, zerolog.Logger) error{
		s.startNATS, s.startS3, s.startPostgres,
	} {
		if err := start(ctx, dir, environ, log); err != nil {
			return nil, err
		}
	}
	if err := s.prepareBuckets(ctx, environ); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, log); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *backends) startNATS(_ context.Context, dir string, environ map[string]string, log zerolog.Logger) (err error) {
	if s.keep(environ, slices.Concat([]string{"NATS_URL"}, service.NATSVariables)...) {
		return nil
	}
	for _, name := range service.NATSVariables {
		s.settings[name] = "" // the embedded server asks for nothing
	}
	s.nats, err = natsd.Start(natsd.Options{
		Name: "loom", Store: filepath.Join(dir, "nats"), Port: natsPort, Log: log.With().Str("server", "nats").Logger(),
	})
	if err != nil {
		return err
	}
	s.settings["NATS_URL"] = s.nats.URL()
	return nil
}

func (s *backends) startS3(_ context.Context, dir string, environ map[string]string, _ zerolog.Logger) (err error) {
	if s.keep(environ, "S3_ENDPOINT", "S3_REGION", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_CHECKSUMS",
		"PUBLIC_URLS", "PUBLIC_URL_BASE") {
		return nil
	}
	if s.s3, err = startS3(filepath.Join(dir, "s3")); err != nil {
		return err
	}
	s.settings["S3_ENDPOINT"] = s.s3.url()
	s.settings["S3_REGION"] = "us-east-1"
	s.settings["S3_ACCESS_KEY_ID"] = s.s3.keyID
	s.settings["S3_SECRET_ACCESS_KEY"] = s.s3.key
	// Whatever SUPABASE_URL is for: what is stored here is served from here.
	s.settings["PUBLIC_URLS"] = "path"
	s.settings["PUBLIC_URL_BASE"] = s.s3.url()
	return nil
}

func (s *backends) startPostgres(ctx context.Context, dir string, environ map[string]string, log zerolog.Logger) error {
	if s.keep(environ, "DATABASE_URL") {
		return nil
	}
	id, err := secret(filepath.Join(dir, "id"), 8)
	if err != nil {
		return err
	}
	s.postgres, err = startPostgres(ctx, pgHome{dir: dir, id: id, logs: logsDir(dir), elsewhere: elsewhere}, log)
	if err != nil {
		return err
	}
	s.settings["DATABASE_URL"] = s.postgres.url()
	return nil
}

// keep reports whether the server that the first variable names is an external one, and takes over
// its settings.
func (s *backends) keep(environ map[string]string, variables ...string) bool {
	if environ[variables[0]] == "" {
		return false
	}
	for _, v := range variables {
		if environ[v] != "" {
			s.settings[v] = environ[v]
		}
	}
	return true
}

// prepareBuckets makes the buckets that are missing. Those of finished files can be read by anybody
// on the embedded server; on an external one, that is its owner's to decide.
func (s *backends) prepareBuckets(ctx context.Context, environ map[string]string) error {
	settings := maps.Clone(s.settings)
	for _, b := range buckets {
		settings[b.variable] = environ[b.variable]
	}
	names, err := PrepareBuckets(ctx, settings, s.s3 != nil)
	maps.Copy(s.settings, names)
	return err
}

func (s *backends) migrate(ctx context.Context, log zerolog.Logger) error {
	applied, _, err := Migrate(ctx, s.settings["DATABASE_URL"])
	if err != nil {
		return err
	}
	if len(applied) > 0 {
		log.Info().Strs("files", applied).Msg("brought the database up to date")
	}
	return nil
}

// Migrate applies the migrations to a database. It returns the files that it applied, and the
// version of the schema then.
func Migrate(ctx context.Context, databaseURL string) (applied []string, version int, err error) {
	err = asked(ctx, databaseURL, func(conn *pgx.Conn) error {
		if applied, err = migrations.Apply(ctx, conn); err == nil {
			version, err = migrations.SchemaVersion(ctx, conn)
		}
		return err
	})
	return applied, version, err
}

// Lacking says what the role of a database's URL lacks for services to work as it.
func Lacking(ctx context.Context, databaseURL string) (lacking []migrations.Problem, err error) {
	err = asked(ctx, databaseURL, func(conn *pgx.Conn) error {
		lacking, err = migrations.Rights(ctx, conn)
		return err
	})
	return lacking, err
}

// MissingGroups says which groups of rights a database's server lacks.
func MissingGroups(ctx context.Context, databaseURL string) (missing []migrations.Problem, err error) {
	err = asked(ctx, databaseURL, func(conn *pgx.Conn) error {
		missing, err = migrations.Groups(ctx, conn)
		return err
	})
	return missing, err
}

// asked does something with a connection to a database.
func asked(ctx context.Context, databaseURL string, do func(*pgx.Conn) error) error {
	cfg, err := postgres.Config(databaseURL, "loom-migrate")
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}

// external lists the servers that are not embedded.
func (s *backends) external() (names []string) {
	if s.postgres == nil {
		names = append(names, "Postgres")
	}
	if s.nats == nil {
		names = append(names, "NATS")
	}
	if s.s3 == nil {
		names = append(names, "S3")
	}
	return names
}

// ended returns channels that are closed when the embedded server has ended; nil, which never is,
// for an external one.
func (s *backends) ended() (postgres, s3 <-chan struct{}) {
	if s.postgres != nil {
		postgres = s.postgres.Done()
	}
	if s.s3 != nil {
		s3 = s.s3.ended
	}
	return postgres, s3
}

func (s *backends) stop() error {
	var err error
	if s.s3 != nil {
		err = errors.Join(err, s.s3.stop())
	}
	if s.nats != nil {
		s.nats.Stop()
	}
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.Stop())
	}
	return err
}

func logsDir(dir string) string { return filepath.Join(dir, "logs") }

// makeDir makes a data folder. As root, others may pass through it, as Postgres must, but not look
// around.
func makeDir(dir string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	if err := os.MkdirAll(logsDir(dir), 0o700); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	return nil
}
