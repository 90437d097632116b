package s3d

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	// AccessKey and SecretKey may do everything.
	AccessKey, SecretKey string
	// Keys says that others can be added: see AddKey. The path of Dir must then be short, for a
	// socket.
	Keys bool
}

// region is the servers' region.
const region = "us-east-1"

// Buckets is where the buckets of a server on dir lie, as folders with the objects' keys as paths.
func Buckets(dir string) string { return filepath.Join(dir, "data") }

// Server is a running server.
type Server struct {
	// Config is what a client needs.
	Config store.Config

	programs []program
	keys     string // the endpoint of the service of keys
}

// program is a part of a server, as a process.
type program struct {
	name, log string
	ended     <-chan struct{} // nil: it is not known
	stop      func() error
}

const (
	// readyWithin bounds the wait for a server that was built to answer.
	readyWithin = 30 * time.Second
	stopWithin  = 30 * time.Second
)

// Start starts a server and returns when it answers. It is killed when this process ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	return launch(ctx, o, func(cmd *exec.Cmd, p *program) error {
		process, err := child.Start(context.WithoutCancel(ctx), cmd, child.Options{Orphaned: syscall.SIGKILL})
		if err != nil {
			return err
		}
		p.ended, p.stop = process.Done(), func() error { return process.Stop(syscall.SIGTERM, stopWithin) }
		return nil
	})
}

// StartKept starts a server that ends, and o.Dir with it, when this process does, however that
// ends.
func StartKept(ctx context.Context, o Options) (*Server, error) {
	return launch(ctx, o, func(cmd *exec.Cmd, p *program) error {
		kept, err := child.StartKept(cmd, o.Dir, syscall.SIGKILL)
		if err != nil {
			return err
		}
		p.stop = kept.Close
		return nil
	})
}

// launch has start run the server's programs, and returns when they answer.
func launch(ctx context.Context, o Options, start func(*exec.Cmd, *program) error) (_ *Server, err error) {
	path, err := servers.Tool("versitygw")
	if err != nil {
		return nil, err
	}
	meta, keys := filepath.Join(o.Dir, "meta"), filepath.Join(o.Dir, "keys")
	if err := errors.Join(os.MkdirAll(Buckets(o.Dir), 0o700), os.MkdirAll(meta, 0o700)); err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	s := &Server{Config: store.Config{Region: region, AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	run := func(name string, arguments ...string) (endpoint string, err error) {
		port, err := servers.FreePort()
		if err != nil {
			return "", err
		}
		p := program{name: name, log: filepath.Join(o.Dir, name+".log")}
		log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return "", fmt.Errorf("start versitygw: %w", err)
		}
		defer log.Close()
		cmd := exec.Command(path, append([]string{"--quiet", "--port", servers.Loopback(port),
			"--access", o.AccessKey, "--secret", o.SecretKey, "--region", region}, arguments...)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = o.Dir, log, log
		if err := start(cmd, &p); err != nil {
			return "", err
		}
		s.programs = append(s.programs, p)
		return "http://" + servers.Loopback(port), nil
	}
	var identities []string
	if o.Keys {
		if err := os.MkdirAll(keys, 0o700); err != nil {
			return nil, fmt.Errorf("start versitygw: %w", err)
		}
		// The server asks at a socket, which has no port that others may take.
		socket := filepath.Join(o.Dir, "keys.sock")
		if s.keys, err = run("keys", "iam", "--dir", keys, "--private-ports", socket); err != nil {
			return nil, err
		}
		if err := s.await(ctx, func(context.Context) bool {
			conn, err := net.Dial("unix", socket)
			return err == nil && conn.Close() == nil
		}); err != nil {
			return nil, err
		}
		identities = []string{"--iam-standalone-endpoint", socket}
	}
	if s.Config.Endpoint, err = run("s3", append(identities, "posix", "--sidecar", meta, Buckets(o.Dir))...); err != nil {
		return nil, err
	}
	client, err := store.New(s.Config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	// The server knows its keys: another program that took the port does not.
	if err := s.await(ctx, func(ctx context.Context) bool {
		return errors.Is(client.Ping(ctx, "no-such-bucket"), store.ErrNoBucket)
	}); err != nil {
		return nil, err
	}
	return s, nil
}

// await waits until the program that was started last answers.
func (s *Server) await(ctx context.Context, answers func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	p := s.programs[len(s.programs)-1]
	for {
		if answers(ctx) {
			return nil
		}
		err := fmt.Errorf("its %s ended", p.name)
		select {
		case <-p.ended:
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(20 * time.Millisecond):
			continue
		}
		text, _ := os.ReadFile(p.log)
		return fmt.Errorf("start versitygw: %w\n%s", err, text)
	}
}

// Stop ends the server. What it stored stays.
func (s *Server) Stop() (err error) {
	for _, p := range slices.Backward(s.programs) {
		err = errors.Join(err, p.stop())
	}
	return err
}
