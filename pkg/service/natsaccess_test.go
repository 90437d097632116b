package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/service/certtest"
)

// seed makes a user's key, and returns its public part and the file of its seed.
func seed(t *testing.T) (public, file string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	text, err := pair.Seed()
	if err == nil {
		public, err = pair.PublicKey()
	}
	file = filepath.Join(t.TempDir(), "user.nk")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return public, file
}

// serveNATS starts a server with a configuration.
func serveNATS(t *testing.T, port int, config string) *server.Server {
	t.Helper()
	var options server.Options
	if err := options.ProcessConfigString(config); err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.NoSigs, options.NoLog = "127.0.0.1", port, true, true
	s, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server did not start")
	}
	t.Cleanup(func() { stopServer(s) })
	return s
}

func connect(t *testing.T, b *Base) *nats.Conn {
	t.Helper()
	nc, err := b.ConnectNATS("test")
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

func TestAServerThatAsksForAKeyAndACertificateIsReached(t *testing.T) {
	public, file := seed(t)
	certs := certtest.Make(t, t.TempDir())
	s := serveNATS(t, server.RANDOM_PORT, fmt.Sprintf(`
		authorization { users = [{ nkey: %s }] }
		tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }`, public, certs.Cert, certs.Key, certs.CA))
	access := NATSAccess{NKey: file, CA: certs.CA, Cert: certs.Cert, Key: certs.Key}
	base := &Base{NATSURL: s.ClientURL(), WorkerID: "w", NATSAccess: access, Log: zerolog.Nop()}
	if err := NATSReady(connect(t, base)); err != nil {
		t.Errorf("with all that it asks for: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*NATSAccess)
		says   string
	}{
		"another key":           {func(a *NATSAccess) { _, a.NKey = seed(t) }, "Authorization Violation"},
		"no certificate":        {func(a *NATSAccess) { a.Cert, a.Key = "", "" }, "certificate"},
		"an untrusted server's": {func(a *NATSAccess) { a.CA = certtest.Make(t, t.TempDir()).CA }, "unknown authority"},
	} {
		other := *base
		c.change(&other.NATSAccess)
		nc := connect(t, &other)
		until(t, name+": /readyz says why there is no connection", func() bool {
			err := NATSReady(nc)
			return err != nil && strings.Contains(err.Error(), c.says)
		})
	}
}

// A server may know a key only after its next reload: the connection does not give up meanwhile.
func TestAKeyThatIsRefusedIsTriedAgain(t *testing.T) {
	public, file := seed(t)
	other, _ := seed(t)
	config := func(key string) string { return fmt.Sprintf("authorization { users = [{ nkey: %s }] }", key) }
	s := serveNATS(t, server.RANDOM_PORT, config(other))
	port := portOf(t, s.Addr().String())
	nc := connect(t, &Base{NATSURL: s.ClientURL(), WorkerID: "w", NATSAccess: NATSAccess{NKey: file}, Log: zerolog.Nop()})
	for range 2 {
		// The client gives up after the second refusal in a row, unless it is told otherwise.
		refused := nc.Stats().Reconnects
		until(t, "the server refuses the key", func() bool {
			return NATSReady(nc) != nil && nc.Stats().Reconnects >= refused+3
		})
		stopServer(s)
		known := serveNATS(t, port, config(public))
		until(t, "the server takes the key", func() bool { return NATSReady(nc) == nil })
		stopServer(known)
		s = serveNATS(t, port, config(other))
	}
}

func TestFilesOfAccessAreCheckedAtTheStart(t *testing.T) {
	_, good := seed(t)
	dir := t.TempDir()
	certs := certtest.Make(t, dir)
	bad := filepath.Join(dir, "hunter2")
	if err := os.WriteFile(bad, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ map[string]string
		names   string
	}{
		"none":                   {nil, ""},
		"all that is right":      {map[string]string{"NATS_NKEY": good, "NATS_CA": certs.CA, "NATS_CERT": certs.Cert, "NATS_KEY": certs.Key}, ""},
		"a seed that is none":    {map[string]string{"NATS_NKEY": bad}, "NATS_NKEY must be a file that holds"},
		"a seed that is missing": {map[string]string{"NATS_NKEY": filepath.Join(dir, "none")}, "NATS_NKEY must be a file that holds"},
		"credentials":            {map[string]string{"NATS_CREDS": bad}, "NATS_CREDS must be a file"},
		"both":                   {map[string]string{"NATS_CREDS": bad, "NATS_NKEY": good}, "NATS_CREDS must be a file"},
		"an authority":           {map[string]string{"NATS_CA": bad}, "NATS_CA must be a file"},
		"half a certificate":     {map[string]string{"NATS_CERT": certs.Cert}, "NATS_CERT must be a file"},
		"the other half":         {map[string]string{"NATS_KEY": certs.Key}, "NATS_CERT must be a file"},
	} {
		environ := map[string]string{"NATS_URL": "nats://h", "SECRET": "s"}
		for k, v := range c.environ {
			environ[k] = v
		}
		_, err := load(environ)
		if c.names == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		variable, _, _ := strings.Cut(c.names, " ")
		if _, err := NATSOptions(environ); err == nil || !strings.HasPrefix(err.Error(), variable+":") {
			t.Errorf("%s, for the command line: %v", name, err)
		}
	}
}
