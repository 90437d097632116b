package stagetest

import (
	"net"
	"net/url"
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

// NATS is a server with JetStream, in this process, that can go away and come back on the same
// port.
type NATS struct {
	t      testing.TB
	opts   server.Options
	server *server.Server
}

// StartNATS starts a server that ends with t.
func StartNATS(t testing.TB) *NATS {
	t.Helper()
	return start(t, server.Options{})
}

// StartNATSWith is StartNATS with what a configuration file says besides, of users for instance.
func StartNATSWith(t testing.TB, config string) *NATS {
	t.Helper()
	var opts server.Options
	if err := opts.ProcessConfigString(config); err != nil {
		t.Fatalf("configure the NATS server: %v", err)
	}
	return start(t, opts)
}

func start(t testing.TB, opts server.Options) *NATS {
	t.Helper()
	n := &NATS{t: t, opts: opts}
	n.opts.Host, n.opts.Port, n.opts.JetStream, n.opts.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, t.TempDir()
	n.opts.NoSigs, n.opts.NoLog = true, true
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
	return n.connect(t, "test", n.URL(), zerolog.Nop())
}

// ConnectAs is Connect for a service that has a user of its own name, and logs to log.
func (n *NATS) ConnectAs(t testing.TB, name, password string, log zerolog.Logger) *nats.Conn {
	t.Helper()
	at, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword(name, password)
	return n.connect(t, name, at.String(), log)
}

func (n *NATS) connect(t testing.TB, name, at string, log zerolog.Logger) *nats.Conn {
	t.Helper()
	base := service.Base{NATSURL: at, WorkerID: "test", Log: log, Registry: prometheus.NewRegistry()}
	nc, err := base.ConnectNATS(name)
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
