package rig

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/migrations"
)

// databasePassword is in the URL that services are given, and in no log.
const databasePassword = "e2e-database-secret-9ab3"

// Postgres is a private server, made from the machine's PostgreSQL. It keeps its port and its data
// when it is stopped and started again.
type Postgres struct {
	URL  string
	dir  string
	data string
	port int
	uid  uint32
	proc *Process
}

// fresh is a fresh data folder, made once in a test process and copied for every server.
var fresh struct {
	sync.Mutex
	dir string
}

func startPostgres(t testing.TB, dir string) *Postgres {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	uid, err := postgresUser()
	if err != nil {
		t.Fatal(err)
	}
	p := &Postgres{dir: dir, data: filepath.Join(dir, "postgres"), port: port, uid: uid}
	p.URL = (&url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", databasePassword),
		Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()
	from, err := freshData(uid)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, p.data).CombinedOutput(); err != nil {
		t.Fatalf("copy a fresh Postgres: %v\n%s", err, out)
	}
	p.Start(t)
	return p
}

// Start starts the server and returns when it takes connections.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	bin, err := postgresBin("postgres")
	if err != nil {
		t.Fatal(err)
	}
	p.proc, err = spawn("postgres", p.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}, p.uid, bin, "-D", p.data,
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(p.port), "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=200")
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, "Postgres takes connections", func() bool {
		if p.proc.Exited() {
			t.Fatalf("postgres has ended:\n%s", p.proc.Log())
		}
		conn, err := pgx.Connect(context.Background(), p.URL)
		if err != nil {
			return false
		}
		return conn.Close(context.Background()) == nil
	})
}

// Stop ends the server at once and cleanly, whoever is connected.
func (p *Postgres) Stop(t testing.TB) {
	t.Helper()
	if err := p.proc.stop(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

func (p *Postgres) stop() { _ = p.proc.stop(syscall.SIGINT) }

// migrate applies the migrations and adds the trigger that records history.
func (p *Postgres) migrate(t testing.TB) *pgxpool.Pool {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		t.Fatalf("connect to migrate: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := migrations.Apply(ctx, conn); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PgConn().Exec(ctx, history).ReadAll(); err != nil {
		t.Fatalf("add the history of renders: %v", err)
	}
	pool, err := pgxpool.New(ctx, p.URL)
	if err != nil {
		t.Fatalf("open the app's database: %v", err)
	}
	return pool
}

// freshData runs initdb once.
func freshData(uid uint32) (string, error) {
	fresh.Lock()
	defer fresh.Unlock()
	if fresh.dir != "" {
		return filepath.Join(fresh.dir, "data"), nil
	}
	bin, err := postgresBin("initdb")
	if err != nil {
		return "", err
	}
	dir, err := Folder("initdb")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(bin, "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "--no-sync")
	cmd.Dir = dir
	if uid != 0 {
		if err := os.Chown(dir, int(uid), -1); err != nil {
			return "", fmt.Errorf("give Postgres its folder: %w", err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	fresh.dir = dir
	return filepath.Join(dir, "data"), nil
}

// RemovePostgres deletes what servers were copied from. TestMain calls it at the end.
func RemovePostgres() error { return os.RemoveAll(fresh.dir) }

// postgresUser returns whom to run Postgres as: it refuses to run as root. 0 is whoever runs the
// test.
func postgresUser() (uint32, error) {
	if os.Getuid() != 0 {
		return 0, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, fmt.Errorf("run Postgres (as root it needs a user postgres; make setup installs postgresql): %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("run Postgres: user id %q: %w", u.Uid, err)
	}
	return uint32(uid), nil
}

// postgresBin finds one of PostgreSQL's programs, which Debian keeps out of PATH.
func postgresBin(name string) (string, error) {
	if bin, err := exec.LookPath(name); err == nil {
		return bin, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("find %s: PostgreSQL is not installed (make setup installs it)", name)
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

// version reads 15 from /usr/lib/postgresql/15/bin/postgres.
func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(bin))))
	return n
}

// Folder makes a folder that Postgres can reach as its own user. TMPDIR may lie where only root
// goes.
func Folder(what string) (string, error) {
	parent := ""
	if os.Getuid() == 0 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "loom-e2e-"+what+"-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", what, err)
	}
	return dir, nil
}
