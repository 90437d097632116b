package local

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

const (
	pgName = "loom" // of the superuser and of the database
	// pgReady bounds the wait for a start: recovery after a crash included.
	pgReady = 60 * time.Second
	// pgTries: between finding a free port and listening on it, another program may take it.
	pgTries = 3
)

// cluster is the private Postgres: a child process on loopback TCP with a random password.
type cluster struct {
	bin   pgBinaries
	acct  account
	place string // holds data, password and id
	log   string // path of the server's log

	port     int
	password string
	process  *os.Process
	exited   chan struct{} // closed when the server has ended
	exitErr  error         // set before exited is closed
}

// pgHome says which data folder a cluster belongs to.
type pgHome struct {
	dir string
	// id is the folder's identity: another folder at the same path has another.
	id   string
	logs string
	// elsewhere are the places for the data when Postgres's user cannot reach dir.
	elsewhere []string
}

// startPostgres starts a data folder's cluster, and creates it first where there is none. An orphan
// that a crash left running on it is stopped.
func startPostgres(ctx context.Context, home pgHome, log zerolog.Logger) (*cluster, error) {
	acct, err := postgresAccount()
	if err != nil {
		return nil, err
	}
	newest, err := installedPostgres(ctx, 0, log)
	if err != nil {
		return nil, err
	}
	place, away, err := pgPlace(ctx, home, acct, newest)
	if err != nil {
		return nil, err
	}
	if away {
		log.Info().Str("folder", place).Msgf("Postgres's data is kept elsewhere: its user cannot reach %s", home.dir)
	}
	c := &cluster{bin: newest, acct: acct, place: place, log: filepath.Join(home.logs, "postgres.log")}
	if err := c.prepare(ctx, home.id, log); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		if c.port, err = freePort(postgresPort); err != nil {
			return nil, err
		}
		err = c.start(ctx)
		if err == nil {
			return c, nil
		}
		if try == pgTries || !strings.Contains(c.tail(), "could not bind") {
			return nil, err
		}
	}
}

func (c *cluster) data() string { return filepath.Join(c.place, "data") }

// prepare makes c.place hold a cluster of identity id that nothing runs on, and the binaries be
// those that can run it.
func (c *cluster) prepare(ctx context.Context, id string, log zerolog.Logger) error {
	major, err := clusterMajor(c.data())
	if err != nil {
		return err
	}
	if major != 0 && major != c.bin.major {
		if c.bin, err = installedPostgres(ctx, major, log); err != nil {
			return err
		}
	}
	stopped, err := c.stopOrphan(ctx)
	if err != nil {
		return err
	}
	if stopped {
		log.Info().Msg("stopped a Postgres that an earlier run had left behind")
	}
	// A folder away from DIR outlives it: what belongs to a DIR that was deleted is not this one's.
	if was, err := os.ReadFile(c.file("id")); err == nil && strings.TrimSpace(string(was)) != id {
		log.Info().Str("folder", c.place).Msg("removed the database of a data folder that is no more")
		if err := errors.Join(os.RemoveAll(c.data()), os.Remove(c.file("password"))); err != nil {
			return fmt.Errorf("remove old Postgres data: %w", err)
		}
		major = 0
	}
	if c.password, err = secret(c.file("password"), 20); err != nil {
		return err
	}
	if err := atomicfile.Write(c.file("id"), []byte(id+"\n"), 0o600); err != nil {
		return fmt.Errorf("mark Postgres data: %w", err)
	}
	if err := c.acct.own(c.file("password")); err != nil { // initdb reads it
		return fmt.Errorf("give the password to Postgres: %w", err)
	}
	if major != 0 {
		return nil
	}
	return c.initdb(ctx)
}

func (c *cluster) file(name string) string { return filepath.Join(c.place, name) }

// initdb creates the cluster: beside its place, and moved there when it is whole.
func (c *cluster) initdb(ctx context.Context) error {
	fresh := c.file("data.new")
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(c.data())); err != nil {
		return fmt.Errorf("create Postgres data: %w", err)
	}
	if err := errors.Join(os.Mkdir(fresh, 0o700), c.acct.own(fresh)); err != nil {
		return fmt.Errorf("create Postgres data: %w", err)
	}
	cmd := c.command(ctx, "initdb", initdbArgs(fresh, c.file("password"))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(string(out), 5))
	}
	if err := os.Rename(fresh, c.data()); err != nil {
		return fmt.Errorf("create Postgres data: %w", err)
	}
	return nil
}

func initdbArgs(data, passwordFile string) []string {
	return []string{
		"--pgdata", data, "--username", pgName, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
	}
}

func serverArgs(data string, port int) []string {
	return []string{
		"-D", data,
		"-c", "listen_addresses=127.0.0.1",
		"-c", "port=" + strconv.Itoa(port),
		"-c", "unix_socket_directories=",
	}
}

// command is one of Postgres's programs, run as Postgres's user from a folder that the user can
// enter.
func (c *cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.bin.path(name), args...)
	cmd.Dir = c.place
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.WaitDelay = 5 * time.Second
	c.acct.apply(cmd)
	return cmd
}

// start starts the server and waits until it answers and has its database.
func (c *cluster) start(ctx context.Context) error {
	if err := c.spawn(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pgReady)
	defer cancel()
	if err := c.await(ctx); err != nil {
		c.kill()
		return fmt.Errorf("start Postgres: %w: %s", err, lastLines(c.tail(), 5))
	}
	return nil
}

// spawn starts the server process and a goroutine that waits for its end.
func (c *cluster) spawn() error {
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open Postgres's log: %w", err)
	}
	defer out.Close()
	// The server outlives the context that it is started with: stop ends it.
	cmd := c.command(context.Background(), "postgres", serverArgs(c.data(), c.port)...)
	cmd.Stdout, cmd.Stderr = out, out
	c.exited = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		// The kernel stops the server when the thread that started it ends: so this one stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.exitErr = cmd.Wait()
			close(c.exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	c.process = cmd.Process
	return nil
}

// await waits until the server takes queries, and creates the database where there is none.
func (c *cluster) await(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, c.urlOf("postgres"))
		if err == nil {
			return errors.Join(ensureDatabase(ctx, conn), conn.Close(ctx))
		}
		select {
		case <-c.exited:
			return fmt.Errorf("the server ended: %w", c.exitErr)
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in %v: %w", pgReady, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ensureDatabase(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", pgName).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+pgName)
	return err
}

func (c *cluster) url() string { return c.urlOf(pgName) }

func (c *cluster) urlOf(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(pgName, c.password), Host: loopback(c.port),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// stop ends the server as pg_ctl's fast mode does: clients are cut off, and the data is left whole.
func (c *cluster) stop() error {
	_ = c.process.Signal(syscall.SIGINT) // fails only when it has ended
	select {
	case <-c.exited:
	case <-time.After(pgReady):
		c.kill()
		return fmt.Errorf("stop Postgres: it did not end within %v and was killed", pgReady)
	}
	if c.exitErr != nil {
		return fmt.Errorf("stop Postgres: %w", c.exitErr)
	}
	return nil
}

// kill ends the server and its children at once. Its data recovers at the next start.
func (c *cluster) kill() {
	_ = c.process.Signal(syscall.SIGQUIT)
	select {
	case <-c.exited:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-c.process.Pid, syscall.SIGKILL)
		<-c.exited
	}
}

// tail returns the end of the server's log.
func (c *cluster) tail() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-4096):])
}

// lastLines returns the last n lines of text, on one line.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
