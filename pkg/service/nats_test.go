package service

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// lines is a log that can be read while it is written to.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) contain(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

func startServer(t *testing.T, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, Username: "worker", Password: "hunter2",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server did not start")
	}
	return s
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestTheConnectionOutlivesTheServer(t *testing.T) {
	first := startServer(t, server.RANDOM_PORT)
	url := strings.Replace(first.ClientURL(), "nats://", "nats://worker:hunter2@", 1)
	port := first.Addr().String()
	stopServer(first)

	var log lines
	base := &Base{NATSURL: url, WorkerID: "w", Log: zerolog.New(&log)}
	nc, err := base.ConnectNATS("test")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	defer func() {
		nc.Close()
		<-closed
	}()
	if NATSReady(nc) == nil {
		t.Error("ready without a server")
	}
	if err := nc.Publish("anything", nil); err == nil {
		t.Error("a message was kept to be sent later")
	}
	for range 2 {
		s := startServer(t, portOf(t, port))
		until(t, "the connection is there", func() bool { return NATSReady(nc) == nil })
		stopServer(s)
		until(t, "the connection is lost", func() bool { return NATSReady(nc) != nil })
	}
	for _, text := range []string{"NATS is away", "connected to NATS", "connected to NATS again", "connection to NATS lost"} {
		until(t, "the log says: "+text, func() bool { return log.contain(text) })
	}
	if log.contain("hunter2") {
		t.Error("the password is in the log")
	}
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return int(addr.Port())
}

func TestABadNATSURLIsNotQuoted(t *testing.T) {
	base := &Base{NATSURL: "nats://worker:hunter2@host:port", Log: zerolog.Nop()}
	_, err := base.ConnectNATS("test")
	if err == nil || errors.Is(err, nats.ErrNoServers) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
