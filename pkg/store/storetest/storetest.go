package storetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// startTimeout bounds the wait for a server that was built to answer.
const startTimeout = 30 * time.Second

// server is a running versitygw.
type server struct {
	store.Config
	// alive is the keeper's standard input, which it waits on. Held open, and never written to.
	alive *os.File
}

// running is the process's one server.
var running = sync.OnceValues(start)

// keeper runs the server until its standard input ends, which it does when the test process ends,
// even by kill -9.
const keeper = `"$1" --port "127.0.0.1:$3" --access test-access --secret test-secret posix --sidecar "$2/meta" "$2/data" &
server=$!
cat >/dev/null
kill -KILL $server
wait $server
rm -rf "$2"`

// Server returns the settings of a running server. Buckets are shared by the tests of a process:
// see Bucket.
func Server(t testing.TB) store.Config {
	t.Helper()
	s, err := running()
	if err != nil {
		t.Fatal(err)
	}
	return s.Config
}

// Client returns a client of the server, closed when t ends.
func Client(t testing.TB) *store.Client {
	t.Helper()
	client, err := store.New(Server(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

var serial atomic.Int64

// Bucket makes a bucket of t's own and returns its name.
func Bucket(t testing.TB, client *store.Client) string {
	t.Helper()
	name := fmt.Sprintf("test-%d", serial.Add(1))
	if err := client.EnsureBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

func start() (*server, error) {
	bin, err := program()
	if err != nil {
		return nil, err
	}
	// Another process may take a free port before the server does.
	for attempt := 1; ; attempt++ {
		s, err := serve(bin)
		if err == nil || attempt == 3 {
			return s, err
		}
	}
}

// program returns the path of versitygw, built by Go as a tool of the module e2e.
func program() (string, error) {
	root, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(root, "go.work")); missing == nil {
			break
		}
		if root == filepath.Dir(root) {
			err = errors.New("no go.work above the test's folder")
		}
		root = filepath.Dir(root)
	}
	if err != nil {
		return "", fmt.Errorf("find versitygw: %w", err)
	}
	cmd := exec.Command("go", "tool", "-n", "versitygw")
	cmd.Dir = filepath.Join(root, "e2e")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return "", fmt.Errorf("build versitygw, a tool of %s/go.mod: %w", cmd.Dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func serve(bin string) (*server, error) {
	home, err := os.MkdirTemp("", "loom-s3-")
	if err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	for _, dir := range []string{"data", "meta"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			return nil, fmt.Errorf("start versitygw: %w", err)
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	logPath := filepath.Join(home, "log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	defer log.Close()
	input, alive, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	defer input.Close()
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", bin, home, strconv.Itoa(port))
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = home, input, log, log
	// A group of its own: Ctrl-C ends the test process, and the keeper then ends the server and
	// removes its data.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	s := &server{alive: alive, Config: store.Config{
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), AccessKeyID: "test-access", SecretAccessKey: "test-secret",
	}}
	if err := s.await(); err != nil {
		text, _ := os.ReadFile(logPath)
		alive.Close()
		return nil, fmt.Errorf("start versitygw: %w\n%s", err, text)
	}
	return s, nil
}

// await returns when the server knows its keys: whoever else took the port does not.
func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	client, err := store.New(s.Config)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		err := client.Ping(ctx, "no-such-bucket")
		if errors.Is(err, store.ErrNoBucket) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(port)
}
