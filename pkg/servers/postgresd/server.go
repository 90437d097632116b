package postgresd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
)

// Volatile are settings for a test's server: fast, and small, for its data may lie in memory. Its
// last commits are lost when it is killed, and all of its data may be when the machine crashes.
var Volatile = []string{
	"fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=200",
	"min_wal_size=32MB", "max_wal_size=64MB",
}

// Options say how a server runs.
type Options struct {
	// Port is the one that the server gets when it is free; 0 is any.
	Port int
	// Settings are "name=value", as in postgresql.conf.
	Settings []string
	// Env are "name=value", added to the server's environment.
	Env []string
	// Log is the path of the server's log, which is emptied at the start. It is readable by the
	// caller only.
	Log string
	// Within bounds the wait for the server to answer, recovery after a crash included.
	Within time.Duration
	// Orphaned is the signal that the kernel sends the server when this process ends first, on
	// Linux. 0 is SIGINT, on which it shuts down.
	Orphaned syscall.Signal
}

// Server is a running server.
type Server struct {
	Port int

	cluster Cluster
	log     string
	process *child.Process // nil: it is kept
}

const (
	// tries is how often Start looks for a port: another program may take one before the server.
	tries = 3
	// stopWithin bounds the wait for a server to shut down.
	stopWithin = 60 * time.Second
	// killWithin bounds the wait for one that has got SIGQUIT.
	killWithin = 5 * time.Second
)

// Start starts the server and returns when it answers. ctx bounds the start only: Stop ends the
// server.
func (c Cluster) Start(ctx context.Context, o Options) (*Server, error) {
	for try := 1; ; try++ {
		s, err := c.start(ctx, o)
		if err == nil || try == tries || !errors.Is(err, servers.ErrPortTaken) {
			return s, err
		}
	}
}

func (c Cluster) start(ctx context.Context, o Options) (*Server, error) {
	orphaned := o.Orphaned
	if orphaned == 0 {
		orphaned = syscall.SIGINT
	}
	s, err := c.launch(o, func(s *Server, cmd *exec.Cmd) (err error) {
		s.process, err = child.Start(context.WithoutCancel(ctx), cmd, child.Options{Orphaned: orphaned})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, o.Within, s.process.Done()); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// StartKept starts a server that ends when this process does, however that ends, and the folder
// home with it, which holds the data and must be the account's own. It returns an error that wraps
// servers.ErrPortTaken when another program took its port; home is removed then.
func (c Cluster) StartKept(ctx context.Context, o Options, home string) (*Server, error) {
	var kept *child.Kept
	s, err := c.launch(o, func(_ *Server, cmd *exec.Cmd) (err error) {
		kept, err = child.StartKept(cmd, home, syscall.SIGQUIT)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, o.Within, nil); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return s, nil
}

// launch finds a port and has start run the server's command, whose output goes to the log.
func (c Cluster) launch(o Options, start func(*Server, *exec.Cmd) error) (*Server, error) {
	var preferred []int
	if o.Port != 0 {
		preferred = []int{o.Port}
	}
	port, err := servers.FreePort(preferred...)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open Postgres's log: %w", err)
	}
	defer log.Close()
	args := []string{"-D", c.Data, "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(port), "-c", "unix_socket_directories="}
	for _, setting := range o.Settings {
		args = append(args, "-c", setting)
	}
	cmd := c.command("postgres", args...)
	cmd.Env = append(cmd.Env, o.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	s := &Server{Port: port, cluster: c, log: o.Log}
	return s, start(s, cmd)
}

// await waits until the server takes queries.
func (s *Server) await(ctx context.Context, within time.Duration, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := s.answers(ctx, within, ended)
	if err == nil {
		return nil
	}
	tail := s.tail()
	if strings.Contains(tail, noPort) {
		return fmt.Errorf("start Postgres: %w: %s", servers.ErrPortTaken, lastLines(tail, 5))
	}
	return fmt.Errorf("start Postgres: %w: %s", err, lastLines(tail, 5))
}

// noPort is what the server logs when it cannot have its port.
const noPort = "could not create any TCP/IP sockets"

func (s *Server) answers(ctx context.Context, within time.Duration, ended <-chan struct{}) error {
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ended:
			return fmt.Errorf("the server ended: %w", s.process.Wait())
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in %v: %w", within, err)
		case <-time.After(20 * time.Millisecond):
		}
		if strings.Contains(s.tail(), noPort) {
			return servers.ErrPortTaken
		}
	}
}

// URL returns the address of one of the server's databases, for its superuser.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(s.cluster.User), Host: servers.Loopback(s.Port),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	if s.cluster.Password != "" {
		u.User = url.UserPassword(s.cluster.User, s.cluster.Password)
	}
	return u.String()
}

// Pid is the server's process id. A kept server has none that is known.
func (s *Server) Pid() int { return s.process.Pid() }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Stop ends the server as pg_ctl's fast mode does: clients are disconnected, and the data is left
// whole.
func (s *Server) Stop() error {
	_ = s.process.Signal(syscall.SIGINT) // fails only when it has ended
	select {
	case <-s.Done():
	case <-time.After(stopWithin):
		s.Kill()
		return fmt.Errorf("stop Postgres: it did not end within %v and was killed", stopWithin)
	}
	if err := s.process.Wait(); err != nil {
		return fmt.Errorf("stop Postgres: %w", err)
	}
	return nil
}

// Kill ends the server and its children at once. Its data recovers at the next start.
func (s *Server) Kill() { _ = s.process.Stop(syscall.SIGQUIT, killWithin) }

// tail returns the end of the server's log.
func (s *Server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-4096):])
}
