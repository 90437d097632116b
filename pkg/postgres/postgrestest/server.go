package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout bounds making and starting the server: seconds on a laptop, more on a machine that
// is busy.
const startTimeout = 90 * time.Second

// server is a running PostgreSQL server. It has no stop: its keeper ends it when this process ends.
type server struct {
	port int
	log  string
	// alive is the keeper's standard input, which it waits on. Held open, and never written to.
	alive *os.File
}

// running is the process's one server.
var running = sync.OnceValues(start)

// keeper runs the server until its standard input ends, which it does when the test process ends,
// even by kill -9.
const keeper = `"$1/postgres" -D "$2/data" -p "$3" -h 127.0.0.1 -k "" \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=200 &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"`

func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	as, err := identity()
	if err != nil {
		return nil, err
	}
	home, err := folder(as)
	if err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(home, "data"), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir = home
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(home)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}

	// Another process may take a free port before the server does.
	for attempt := 1; ; attempt++ {
		s, err := serve(bin, home, as)
		if err == nil {
			return s, nil
		}
		if attempt == 3 {
			_ = os.RemoveAll(home)
			return nil, err
		}
	}
}

func serve(bin, home string, as *syscall.Credential) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{port: port, log: filepath.Join(home, "log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	defer func() { _ = log.Close() }()
	input, alive, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	defer func() { _ = input.Close() }()
	s.alive = alive

	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", bin, home, strconv.Itoa(port))
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = home, input, log, log
	// A group of its own: Ctrl-C ends the test process, and the keeper then ends the server and
	// removes its data.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	if err := s.await(); err != nil {
		text, _ := os.ReadFile(s.log)
		_ = alive.Close()
		return nil, fmt.Errorf("start postgres: %w\n%s", err, text)
	}
	return s, nil
}

// await returns when the server answers.
func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if text, _ := os.ReadFile(s.log); bytes.Contains(text, []byte("could not create any TCP/IP sockets")) {
			return fmt.Errorf("port %d was taken meanwhile", s.port)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// identity returns whom to run as: nil for oneself. PostgreSQL refuses to run as root.
func identity() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (as root, PostgreSQL runs as the user postgres, whom it brings)", errMissing)
	}
	uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("look up the user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// folder makes a folder that as can reach. TMPDIR may lie where only root goes, so as root it is
// /tmp.
func folder(as *syscall.Credential) (string, error) {
	parent := os.TempDir()
	if as != nil {
		parent = "/tmp"
	}
	home, err := os.MkdirTemp(parent, "loom-postgres-")
	if err != nil {
		return "", fmt.Errorf("make a folder for postgres: %w", err)
	}
	if as != nil {
		if err := os.Chown(home, int(as.Uid), int(as.Gid)); err != nil {
			return "", fmt.Errorf("make a folder for postgres: %w", err)
		}
	}
	return home, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
