package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// s3Server is the embedded S3 server: versitygw over a plain folder, with its metadata in files
// beside it, so that the file system needs no extended attributes.
//
// versitygw changes the process's working directory to its data folder and needs it to stay there,
// and there can be one of it in a process. Paths are made absolute before it starts.
type s3Server struct {
	port        int
	keyID, key  string
	cancel      context.CancelFunc
	ended       chan struct{} // closed when the server has ended
	err         error         // set before ended is closed
	cameFromDir string
}

const s3Ready = 15 * time.Second

func startS3(dir string) (*s3Server, error) {
	data, sidecar := filepath.Join(dir, "data"), filepath.Join(dir, "metadata")
	if err := errors.Join(os.MkdirAll(data, 0o700), os.MkdirAll(sidecar, 0o700)); err != nil {
		return nil, fmt.Errorf("create S3 folders: %w", err)
	}
	keyID, err1 := secret(filepath.Join(dir, "access-key-id"), 10)
	key, err2 := secret(filepath.Join(dir, "secret-access-key"), 20)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	port, err := servers.FreePort(s3Port)
	if err != nil {
		return nil, err
	}
	cameFrom, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("start S3: %w", err)
	}
	metadata, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, fmt.Errorf("open S3 metadata: %w", err)
	}
	// SideCarDir only makes versitygw print the folder's name to stdout, which is not its own here.
	// as S3 has it; versitygw's own default is nothing
	opts := posix.PosixOpts{CopyObjectThreshold: 5 << 30}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	backend, err := posix.New(data, metadata, opts)
	if err != nil {
		return nil, fmt.Errorf("open S3 data: %w", err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	s := &s3Server{port: port, keyID: keyID, key: key, cancel: cancel, ended: make(chan struct{}), cameFromDir: cameFrom}
	go func() {
		defer close(s.ended)
		s.err = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: keyID, RootUserSecret: key,
			// One account. Left to itself, versitygw chooses the same, and prints to stdout that it
			// does.
			IAMService:     auth.NewIAMServiceSingle(auth.Account{Access: keyID, Secret: key, Role: auth.RoleAdmin}),
			Ports:          []string{servers.Loopback(port)},
			MaxConnections: 4096, MaxRequests: 2048, MultipartMaxParts: 10000,
			KeepAlive: true, Quiet: true, DisableACLs: true,
		})
	}()
	if err := s.awaitReady(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *s3Server) url() string { return "http://" + servers.Loopback(s.port) }

// awaitReady waits until the server takes connections. That it is this server and no other shows
// when its buckets are created with its credentials.
func (s *s3Server) awaitReady() error {
	deadline := time.Now().Add(s3Ready)
	for {
		conn, err := net.DialTimeout("tcp", servers.Loopback(s.port), time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.ended:
			return fmt.Errorf("start S3: it ended: %w", s.err)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start S3: %w", err)
		}
	}
}

func (s *s3Server) stop() error {
	s.cancel()
	<-s.ended
	if err := errors.Join(s.err, os.Chdir(s.cameFromDir)); err != nil {
		return fmt.Errorf("stop S3: %w", err)
	}
	return nil
}
