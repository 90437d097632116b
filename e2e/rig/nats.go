package rig

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/servers"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/service/certtest"
)

// NATS is a NATS server with JetStream, TLS, and a user for each service, as docs/how-to has it. It
// keeps its port and its store when it is stopped and started again.
type NATS struct {
	URL    string
	dir    string
	config string
	port   int
	store  string
	certs  certtest.Files
	proc   *Process
}

// testUser is the test itself, which may do everything.
const testUser = "test"

func startNATS(t testing.TB, dir string) *NATS {
	t.Helper()
	port := freePort(t)
	n := &NATS{
		URL: "tls://" + servers.Loopback(port), dir: filepath.Join(dir, "nats"), port: port,
		config: filepath.Join(dir, "nats", "nats.conf"), store: filepath.Join(dir, "jetstream"),
	}
	if out, err := exec.CommandContext(t.Context(), Program(t, "loom"), "nats-config", n.dir).CombinedOutput(); err != nil {
		t.Fatalf("loom nats-config: %v\n%s", err, out)
	}
	n.certs = certtest.Make(t, n.dir)
	n.configure(t)
	n.Start(t)
	return n
}

// configure writes the server's configuration: as loom nats-config says, and a user for the test.
func (n *NATS) configure(t testing.TB) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	account := filepath.Join(n.dir, natsauth.AccountFile)
	text, err := os.ReadFile(account)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("users = [\n"), []byte("users = [\n    { nkey: "+public+" }\n"), 1)
	config := fmt.Sprintf(`
listen: "127.0.0.1:%d"
jetstream { store_dir: %q }
tls { cert_file: %q, key_file: %q, ca_file: %q }
accounts {
  include %s
}
`, n.port, n.store, n.certs.Cert, n.certs.Key, n.certs.CA, natsauth.AccountFile)
	for path, content := range map[string][]byte{
		account: text, n.config: []byte(config), filepath.Join(n.dir, natsauth.SeedFile(testUser)): seed,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatalf("configure NATS: %v", err)
		}
	}
}

// settings are what a program needs to connect as one of the users of natsauth.
func (n *NATS) settings(user string) map[string]string {
	return map[string]string{"NATS_URL": n.URL, "NATS_NKEY": filepath.Join(n.dir, natsauth.SeedFile(user)), "NATS_CA": n.certs.CA}
}

// Connect returns a connection of the test's own, which may do everything.
func (n *NATS) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	return n.ConnectAs(t, testUser)
}

// ConnectAs returns a connection as one of the users of natsauth.
func (n *NATS) ConnectAs(t testing.TB, user string) *nats.Conn {
	t.Helper()
	options, err := service.NATSOptions(n.settings(user))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(n.URL, append(options, nats.CustomInboxPrefix("_INBOX."+user))...)
	if err != nil {
		t.Fatalf("connect to NATS: %v", err)
	}
	return conn
}

// Start starts the server.
func (n *NATS) Start(t testing.TB) {
	t.Helper()
	program, err := servers.Tool("nats-server")
	if err != nil {
		t.Fatal(err)
	}
	proc, err := spawn("nats-server", filepath.Dir(n.dir), os.Environ(), program, "--config", n.config)
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
