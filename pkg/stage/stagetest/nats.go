package stagetest

import (
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/servers/natsd"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// Patience bounds every wait of a test, also on a machine that is many times as busy as it has
// cores.
const Patience = 3 * time.Minute

// NATS is a server with JetStream, in this process, that can stop and start again on the same port.
type NATS struct {
	t       testing.TB
	options natsd.Options
	server  *natsd.Server
}

// StartNATS starts a server that ends with t.
func StartNATS(t testing.TB) *NATS {
	t.Helper()
	return StartNATSWith(t, "")
}

// StartNATSWith is StartNATS with more of a configuration file's lines, such as users.
func StartNATSWith(t testing.TB, config string) *NATS {
	t.Helper()
	n := &NATS{t: t, options: natsd.Options{Name: "test", Store: t.TempDir(), Config: config, Log: zerolog.Nop()}}
	n.Start()
	n.options.Port = n.server.Port
	t.Cleanup(n.Stop)
	return n
}

// URL returns the server's address.
func (n *NATS) URL() string { return n.server.URL() }

// Start starts the server again.
func (n *NATS) Start() {
	n.t.Helper()
	s, err := natsd.Start(n.options)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.options.Port != 0 && s.Port != n.options.Port {
		s.Stop()
		n.t.Fatalf("another program has the NATS server's port %d", n.options.Port)
	}
	n.server = s
}

// Stop stops the server. What it stored stays.
func (n *NATS) Stop() { n.server.Stop() }

// Wipe stops the server, deletes what it stored, and starts it again.
func (n *NATS) Wipe() {
	n.t.Helper()
	n.Stop()
	if err := os.RemoveAll(n.options.Store); err != nil {
		n.t.Fatalf("wipe the NATS server: %v", err)
	}
	n.Start()
}

// Connect returns a connection such as services use, closed when t ends.
func (n *NATS) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	return n.ConnectAs(t, "test", "", zerolog.Nop())
}

// ConnectAs is Connect for a service that has a user of its own, whose seed is in a file, and logs
// to log.
func (n *NATS) ConnectAs(t testing.TB, name, seedFile string, log zerolog.Logger) *nats.Conn {
	t.Helper()
	base := service.Base{
		NATSURL: n.URL(), NATSAccess: service.NATSAccess{NKey: seedFile}, WorkerID: "test", Log: log, Registry: prometheus.NewRegistry(),
	}
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
