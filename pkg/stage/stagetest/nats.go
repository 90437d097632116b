package stagetest

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service"
)

// Patience bounds every wait of a test.
const Patience = 20 * time.Second

// NATS is a server with JetStream, in this process, that can go away and come back on the same port.
type NATS struct {
	t      testing.TB
	opts   server.Options
	server *server.Server
}

// StartNATS starts a server that ends with t.
func StartNATS(t testing.TB) *NATS {
	t.Helper()
	n := &NATS{t: t, opts: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}}
	n.Start()
	addr, ok := n.server.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("the NATS server listens on %v", n.server.Addr())
	}
	n.opts.Port = addr.Port
	t.Cleanup(n.Stop)
	return n
}

// URL returns the server's address.
func (n *NATS) URL() string { return n.server.ClientURL() }

// Start starts the server again.
func (n *NATS) Start() {
	n.t.Helper()
	opts := n.opts
	s, err := server.NewServer(&opts)
	if err != nil {
		n.t.Fatalf("make the NATS server: %v", err)
	}
	s.Start()
	if !s.ReadyForConnections(Patience) {
		n.t.Fatal("the NATS server did not start")
	}
	n.server = s
}

// Stop stops the server. What it stored stays.
func (n *NATS) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// Wipe stops the server, deletes what it stored, and starts it again.
func (n *NATS) Wipe() {
	n.t.Helper()
	n.Stop()
	if err := os.RemoveAll(n.opts.StoreDir); err != nil {
		n.t.Fatalf("wipe the NATS server: %v", err)
	}
	n.Start()
}

// Connect returns a connection such as services use, closed when t ends.
func (n *NATS) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	base := service.Base{NATSURL: n.URL(), WorkerID: "test", Log: zerolog.Nop(), Registry: prometheus.NewRegistry()}
	nc, err := base.ConnectNATS("test")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	t.Cleanup(func() {
		nc.Close()
		<-closed
	})
	return nc
}
