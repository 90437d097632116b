package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
)

// natsServer is a nats-server with JetStream. It keeps its port and, unless it is wiped, its store.
type natsServer struct {
	dir, program string
	port         int
	process      *child.Process
	// config is the file of one that is part of a cluster, monitor the port where it says whether
	// it is healthy, and routes its ways to the others.
	config  string
	monitor int
	routes  []*link
}

func newNATS(dir string) (*natsServer, error) {
	program, err := servers.Tool("nats-server")
	if err != nil {
		return nil, err
	}
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	return &natsServer{dir: dir, program: program, port: port}, nil
}

func (n *natsServer) addr() string { return servers.Loopback(n.port) }

// start starts the server and returns when it listens.
func (n *natsServer) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(n.dir, "nats.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	defer func() { _ = log.Close() }()
	args := []string{"-js", "-sd", n.store(), "-a", "127.0.0.1", "-p", strconv.Itoa(n.port)}
	if n.config != "" {
		args = append(args, "-c", n.config)
	}
	cmd := exec.Command(n.program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir, log, log
	n.process, err = child.Start(context.WithoutCancel(ctx), cmd, child.Options{Orphaned: syscall.SIGKILL})
	if err != nil {
		return err
	}
	return until(ctx, patience, "NATS listens", func() (bool, error) {
		if n.process.State() != nil {
			return false, errors.New("start NATS: it has ended")
		}
		conn, err := net.DialTimeout("tcp", n.addr(), time.Second)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
}

// kill ends the server as a crash does.
func (n *natsServer) kill() error {
	n.process.Kill()
	return n.process.Await(patience)
}

// wipe deletes all streams, consumers and messages, whether the server runs or not. One that runs
// may make a file in a folder that is being deleted.
func (n *natsServer) wipe() (err error) {
	for range 100 {
		if err = os.RemoveAll(n.store()); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return err
}

func (n *natsServer) store() string { return filepath.Join(n.dir, "jetstream") }
