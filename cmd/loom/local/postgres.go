package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

const (
	pgName = "loom" // of the superuser and of the database
	// pgReady bounds the wait for a start: recovery after a crash included.
	pgReady = 60 * time.Second
)

// cluster is the private Postgres of a data folder. Its superuser has a random password.
type cluster struct {
	postgresd.Cluster
	*postgresd.Server
	// place holds the data, the password and the id.
	place string
}

// pgHome says which data folder a cluster belongs to.
type pgHome struct {
	dir string
	// id is the folder's identity: another folder at the same path has another.
	id   string
	logs string
	// elsewhere are the places for the data when Postgres's user cannot reach dir.
	elsewhere []string
	// volatile leaves out what makes the data outlive a crash of the machine, for tests.
	volatile bool
}

// startPostgres starts a data folder's cluster, and creates it first where there is none. A server
// that a crash left running on it is stopped.
func startPostgres(ctx context.Context, home pgHome, log zerolog.Logger) (*cluster, error) {
	account, err := postgresd.ServerAccount()
	if err != nil {
		return nil, err
	}
	newest, err := installedPostgres(ctx, 0, log)
	if err != nil {
		return nil, err
	}
	place, away, err := pgPlace(ctx, home, account, newest)
	if err != nil {
		return nil, err
	}
	if away {
		log.Info().Str("folder", place).Msgf("Postgres's data is kept elsewhere: its user cannot reach %s", home.dir)
	}
	c := &cluster{place: place}
	c.Cluster = postgresd.Cluster{
		Installation: newest, Account: account, Data: c.file("data"), User: pgName, PasswordFile: c.file("password"),
		Volatile: home.volatile,
	}
	if err := c.prepare(ctx, home.id, log); err != nil {
		return nil, err
	}
	c.Server, err = c.Start(ctx, postgresd.Options{Port: postgresPort, Log: filepath.Join(home.logs, "postgres.log"), Within: pgReady})
	if err != nil {
		return nil, err
	}
	if err := c.ensureDatabase(ctx, pgReady); err != nil {
		c.Kill()
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	return c, nil
}

// prepare makes c.place hold a cluster of identity id that nothing runs on, and chooses the
// binaries that can run it.
func (c *cluster) prepare(ctx context.Context, id string, log zerolog.Logger) error {
	major, err := postgresd.MajorOf(c.Data)
	if err != nil {
		return err
	}
	if major != 0 && major != c.Installation.Major {
		if c.Installation, err = installedPostgres(ctx, major, log); err != nil {
			return err
		}
	}
	stopped, err := c.StopOrphan(ctx)
	if err != nil {
		return err
	}
	if stopped {
		log.Info().Msg("stopped a Postgres that an earlier run had left behind")
	}
	// A folder elsewhere outlives its data folder. What belongs to a deleted one is not this one's.
	if was, err := os.ReadFile(c.file("id")); err == nil && strings.TrimSpace(string(was)) != id {
		log.Info().Str("folder", c.place).Msg("removed the database of a data folder that no longer exists")
		if err := errors.Join(os.RemoveAll(c.Data), os.Remove(c.PasswordFile)); err != nil {
			return fmt.Errorf("remove old Postgres data: %w", err)
		}
		major = 0
	}
	if c.Password, err = secret(c.PasswordFile, 20); err != nil {
		return err
	}
	if err := atomicfile.Write(c.file("id"), []byte(id+"\n"), 0o600); err != nil {
		return fmt.Errorf("mark Postgres data: %w", err)
	}
	if err := c.Account.Own(c.PasswordFile); err != nil { // initdb reads it
		return fmt.Errorf("give the password to Postgres: %w", err)
	}
	if major != 0 {
		return nil
	}
	return c.Init(ctx)
}

func (c *cluster) file(name string) string { return filepath.Join(c.place, name) }

// ensureDatabase creates the database where it is missing, within a bounded time.
func (c *cluster) ensureDatabase(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var there bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", pgName).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+pgName)
	return err
}

func (c *cluster) url() string { return c.URL(pgName) }
