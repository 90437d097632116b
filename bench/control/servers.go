package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/servers/natsd"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
	"github.com/loom-lite/loom-lite/pkg/servers/s3d"
	"github.com/loom-lite/loom-lite/pkg/store"
)

const (
	startWithin = time.Minute
	stopWithin  = 30 * time.Second
)

// settings are Postgres's that differ from its defaults. Commits are as durable as in production.
var settings = []string{"shared_buffers=256MB", "max_connections=200"}

// Servers are what all measurements share. Each has a database of its own.
type Servers struct {
	home     string
	postgres *postgresd.Server
	s3       *s3d.Server
}

// StartServers starts Postgres and S3.
func StartServers(ctx context.Context) (s *Servers, err error) {
	home, err := postgresd.Folder("loom-bench-")
	if err != nil {
		return nil, err
	}
	s = &Servers{home: home}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	installation, err := postgresd.Find(ctx, 0)
	if err != nil {
		return s, err
	}
	account, err := postgresd.ServerAccount()
	if err != nil {
		return s, err
	}
	cluster := postgresd.Cluster{Installation: installation, Account: account, Data: filepath.Join(home, "pg", "data"), User: "postgres"}
	place := filepath.Dir(cluster.Data)
	if err := errors.Join(os.Mkdir(place, 0o755), account.Own(place), cluster.Init(ctx)); err != nil {
		return s, err
	}
	s.postgres, err = cluster.Start(ctx, postgresd.Options{Settings: settings, Log: filepath.Join(home, "postgres.log"), Within: startWithin})
	if err != nil {
		return s, err
	}
	objects := filepath.Join(home, "s3")
	if err := os.Mkdir(objects, 0o700); err != nil {
		return s, fmt.Errorf("make the store's folder: %w", err)
	}
	s.s3, err = s3d.Start(ctx, s3d.Options{Dir: objects, AccessKey: "bench", SecretKey: "bench-secret"})
	return s, err
}

// Stop stops them and removes their data.
func (s *Servers) Stop() error {
	var errs []error
	if s.s3 != nil {
		errs = append(errs, s.s3.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.home))...)
}

// Fresh makes an empty database, in place of one of the same name, and returns its URL.
func (s *Servers) Fresh(ctx context.Context, name string) (url string, err error) {
	if err := s.Drop(ctx, name); err != nil {
		return "", err
	}
	return s.postgres.URL(name), s.command(ctx, "create database "+name)
}

// Drop removes a database, if it is there.
func (s *Servers) Drop(ctx context.Context, name string) error {
	return s.command(ctx, "drop database if exists "+name+" with (force)")
}

// Folder makes a folder, which Stop removes if nobody did before.
func (s *Servers) Folder() (string, error) {
	dir, err := os.MkdirTemp(s.home, "run-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	return dir, nil
}

// Store is how the object store is reached.
func (s *Servers) Store() store.Config { return s.s3.Config }

// Postgres is the process of the database's server.
func (s *Servers) Postgres() int { return s.postgres.Pid() }

func (s *Servers) command(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.postgres.URL("postgres"))
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// NATSCommand runs this program as a NATS server: see ServeNATS.
const NATSCommand = "nats-server"

// ServeNATS runs a NATS server until ctx is cancelled. It prints its URL, and that of its
// monitoring.
func ServeNATS(ctx context.Context, dir string, stdout io.Writer) error {
	port, err := servers.FreePort()
	if err != nil {
		return err
	}
	monitor := servers.Loopback(port)
	s, err := natsd.Start(natsd.Options{Name: "bench", Store: dir, Config: "http: \"" + monitor + "\"", Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer s.Stop()
	if _, err := fmt.Fprintln(stdout, s.URL(), "http://"+monitor); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// NATS starts a NATS server in a process of its own, with an empty store. It returns its URL, and
// that of its monitoring.
func (s *Servers) NATS(ctx context.Context, dir string) (_ *child.Process, url, monitor string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", "", fmt.Errorf("make NATS's store: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, "", "", fmt.Errorf("find this program: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, "", "", err
	}
	defer read.Close()
	cmd := exec.Command(program, NATSCommand, dir)
	cmd.Stdout, cmd.Stderr = write, os.Stderr
	p, err := child.Start(context.WithoutCancel(ctx), cmd, child.Options{Orphaned: syscall.SIGKILL})
	_ = write.Close()
	if err != nil {
		return nil, "", "", err
	}
	if _, err := fmt.Fscanln(read, &url, &monitor); err != nil {
		return nil, "", "", errors.Join(fmt.Errorf("start NATS: %w", err), p.End(stopWithin))
	}
	return p, url, monitor, nil
}
