package s3d

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// Options say how a server runs.
type Options struct {
	// Dir holds the buckets (data), the metadata of objects (meta) and the server's log (s3.log).
	// It must be there.
	Dir string
	// AccessKey and SecretKey are the only account.
	AccessKey, SecretKey string
}

// region is the servers' region.
const region = "us-east-1"

// Buckets is where the buckets of a server on dir lie, as folders with the objects' keys as paths.
func Buckets(dir string) string { return filepath.Join(dir, "data") }

// Server is a running server.
type Server struct {
	// Config is what a client needs.
	Config store.Config

	log     string
	process *child.Process // nil: it is kept
}

const (
	// readyWithin bounds the wait for a server that was built to answer.
	readyWithin = 30 * time.Second
	stopWithin  = 30 * time.Second
)

// Start starts a server and returns when it answers. It is killed when this process ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := launch(o, func(s *Server, cmd *exec.Cmd) (err error) {
		s.process, err = child.Start(context.WithoutCancel(ctx), cmd, child.Options{Orphaned: syscall.SIGKILL})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, s.process.Done()); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// StartKept starts a server that ends, and o.Dir with it, when this process does, however that
// ends.
func StartKept(ctx context.Context, o Options) (*Server, error) {
	var kept *child.Kept
	s, err := launch(o, func(_ *Server, cmd *exec.Cmd) (err error) {
		kept, err = child.StartKept(cmd, o.Dir, syscall.SIGKILL)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, nil); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return s, nil
}

// launch finds a port and has start run the server's command, whose output goes to the log.
func launch(o Options, start func(*Server, *exec.Cmd) error) (*Server, error) {
	program, err := servers.Tool("versitygw")
	if err != nil {
		return nil, err
	}
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	meta := filepath.Join(o.Dir, "meta")
	if err := errors.Join(os.MkdirAll(Buckets(o.Dir), 0o700), os.MkdirAll(meta, 0o700)); err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	s := &Server{log: filepath.Join(o.Dir, "s3.log"), Config: store.Config{
		Endpoint: "http://" + servers.Loopback(port), Region: region, AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey,
	}}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program,
		"--quiet", "--port", servers.Loopback(port), "--access", o.AccessKey, "--secret", o.SecretKey, "--region", region,
		"posix", "--sidecar", meta, Buckets(o.Dir))
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.Dir, log, log
	return s, start(s, cmd)
}

// await waits until the server knows its keys: another program that took the port does not.
func (s *Server) await(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	client, err := store.New(s.Config)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		err := client.Ping(ctx, "no-such-bucket")
		if errors.Is(err, store.ErrNoBucket) {
			return nil
		}
		select {
		case <-ended:
			err = fmt.Errorf("it ended: %w", s.process.Wait())
		case <-ctx.Done():
			err = errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
			continue
		}
		text, _ := os.ReadFile(s.log)
		return fmt.Errorf("start versitygw: %w\n%s", err, text)
	}
}

// Stop ends the server. What it stored stays.
func (s *Server) Stop() error { return s.process.Stop(syscall.SIGTERM, stopWithin) }
