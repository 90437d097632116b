package rig

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/servers"
)

// NATS is a NATS server with JetStream. It keeps its port and its store when it is stopped and
// started again.
type NATS struct {
	URL   string
	dir   string
	port  int
	store string
	proc  *Process
}

func startNATS(t testing.TB, dir string) *NATS {
	t.Helper()
	port := freePort(t)
	n := &NATS{URL: "nats://" + servers.Loopback(port), dir: dir, port: port, store: filepath.Join(dir, "jetstream")}
	n.Start(t)
	return n
}

// Start starts the server.
func (n *NATS) Start(t testing.TB) {
	t.Helper()
	program, err := servers.Tool("nats-server")
	if err != nil {
		t.Fatal(err)
	}
	proc, err := spawn("nats-server", n.dir, os.Environ(), program,
		"-js", "-sd", n.store, "-a", "127.0.0.1", "-p", strconv.Itoa(n.port))
	if err != nil {
		t.Fatal(err)
	}
	n.proc = proc
	awaitPort(t, proc, n.port)
}

// Kill kills the server as a crash does.
func (n *NATS) Kill(t testing.TB) { t.Helper(); n.proc.Kill(t) }

// Wipe deletes the store of a stopped server: streams, consumers and messages.
func (n *NATS) Wipe(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(n.store); err != nil {
		t.Fatalf("wipe the NATS store: %v", err)
	}
}

// stop ends the server; by exit status 1 it says that a signal ended it.
func (n *NATS) stop() { _ = n.proc.stop(syscall.SIGTERM) }

// awaitPort waits until the process listens.
func awaitPort(t testing.TB, p *Process, port int) {
	t.Helper()
	Eventually(t, p.Name+" listens", func() bool {
		if p.Exited() {
			t.Fatalf("%s has ended:\n%s", p.Name, p.Log())
		}
		conn, err := net.DialTimeout("tcp", servers.Loopback(port), time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}
