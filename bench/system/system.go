package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/servers"
)

const (
	startWithin = time.Minute
	stopWithin  = 45 * time.Second
	// lookEvery is how often something is looked at that is waited for.
	lookEvery = 50 * time.Millisecond
)

// System is a fresh database and a fresh NATS, with services on them.
type System struct {
	DB *pgxpool.Pool
	// Database and NATS are the URLs of the servers, and Monitor where NATS tells about itself.
	Database, NATS, Monitor string
	// Dir has the logs, and is removed with all that is in it.
	Dir string

	servers  *control.Servers
	programs string
	environ  []string
	nats     *child.Process
	services []*Service
	closers  []io.Closer
}

// Closes has Stop close these when all processes have ended.
func (s *System) Closes(list ...io.Closer) { s.closers = append(s.closers, list...) }

// Service is a process of the system.
type Service struct {
	*child.Process
	// Name is its program's, such as ingest, and Log its log.
	Name, Log string

	port int
}

// client keeps no connections.
var client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Ready reports whether the service says that it is ready.
func (s *Service) Ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+servers.Loopback(s.port)+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// Start makes an empty system. programs is the folder of loom and of the services, where make build
// puts them.
func Start(ctx context.Context, s *control.Servers, programs string) (_ *System, err error) {
	sys := &System{servers: s, programs: programs}
	defer func() {
		if err != nil {
			err = errors.Join(err, sys.Stop())
		}
	}()
	if sys.Dir, err = s.Folder(); err != nil {
		return nil, err
	}
	if sys.Database, err = s.Fresh(ctx, database); err != nil {
		return nil, err
	}
	if sys.DB, err = pgxpool.New(ctx, sys.Database); err != nil {
		return nil, err
	}
	if sys.nats, sys.NATS, sys.Monitor, err = s.NATS(ctx, filepath.Join(sys.Dir, "nats")); err != nil {
		return nil, err
	}
	store := s.Store()
	sys.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + sys.Dir, "TMPDIR=" + sys.Dir, "DATABASE_URL=" + sys.Database, "NATS_URL=" + sys.NATS,
		"S3_ENDPOINT=" + store.Endpoint, "S3_ACCESS_KEY_ID=" + store.AccessKeyID, "S3_SECRET_ACCESS_KEY=" + store.SecretAccessKey,
		"PUBLIC_URLS=path", "PUBLIC_URL_BASE=" + store.Endpoint,
	}
	for _, name := range []string{"CHROME_PATH", "CHROME_SANDBOX", "FFMPEG_PATH", "FFPROBE_PATH"} {
		if value := os.Getenv(name); value != "" {
			sys.environ = append(sys.environ, name+"="+value)
		}
	}
	return sys, sys.Loom(ctx, "migrate", "--buckets")
}

// database is the one that all systems have, one after the other.
const database = "bench"

// Loom runs the command line.
func (s *System) Loom(ctx context.Context, args ...string) error {
	cmd := exec.Command(filepath.Join(s.programs, "loom"), args...)
	cmd.Dir, cmd.Env = s.Dir, s.environ
	if _, err := child.Output(ctx, cmd, child.Options{Grace: stopWithin}); err != nil {
		return fmt.Errorf("loom %s: %w", args[0], err)
	}
	return nil
}

// Run starts a service with settings beyond those that all have. core is the only one that it, and
// what it starts, runs on; AnyCore is all of them.
func (s *System) Run(name string, core int, settings ...string) (*Service, error) {
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%s-%d", name, len(s.services))
	work := filepath.Join(s.Dir, id)
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, fmt.Errorf("make a work folder: %w", err)
	}
	env := append(slices.Clip(s.environ), append([]string{"PORT=" + strconv.Itoa(port), "WORKER_ID=" + id, "WORK_DIR=" + work}, settings...)...)
	p, err := s.start(exec.Command(filepath.Join(s.programs, "loom-"+name)), name, id+".log", env, core)
	if err != nil {
		return nil, err
	}
	p.port = port
	return p, nil
}

// Command starts a program that is no service of ours, as Run does.
func (s *System) Command(cmd *exec.Cmd, name string) (*Service, error) {
	return s.start(cmd, name, name+".log", s.environ, AnyCore)
}

// AnyCore lets a process run on all cores.
const AnyCore = -1

func (s *System) start(cmd *exec.Cmd, name, log string, env []string, core int) (*Service, error) {
	path := filepath.Join(s.Dir, log)
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer file.Close()
	cmd.Dir, cmd.Env, cmd.Stderr = s.Dir, env, file
	if cmd.Stdout == nil {
		cmd.Stdout = file
	}
	service := &Service{Name: name, Log: path}
	start := func() (err error) {
		// No signal when this process dies: a child inherits its core from the thread that starts
		// it, and such a signal takes another thread.
		service.Process, err = child.Start(context.Background(), cmd, child.Options{})
		return err
	}
	if core == AnyCore {
		err = start()
	} else {
		err = process.OnCore(core, start)
	}
	if err != nil {
		return nil, err
	}
	s.services = append(s.services, service)
	return service, nil
}

// CPU is the CPU time that the services of a name, or a server, have used.
func (s *System) CPU(name string) (sum time.Duration, err error) {
	var pids []int
	switch name {
	case "postgres":
		pids = []int{s.servers.Postgres()}
	case "nats":
		pids = []int{s.nats.Pid()}
	default:
		for _, p := range s.services {
			if p.Name == name {
				pids = append(pids, p.Pid())
			}
		}
	}
	for _, pid := range pids {
		used, failed := process.Tree(pid)
		sum, err = sum+used, errors.Join(err, failed)
	}
	return sum, err
}

// Memory is what the processes of a name have, in bytes.
func (s *System) Memory(name string) (most int64, err error) {
	for _, p := range s.services {
		if p.Name == name {
			var m process.Memory
			err = errors.Join(err, m.Look(p.Pid()))
			most = max(most, m.Peak)
		}
	}
	if name == "nats" {
		var m process.Memory
		err = m.Look(s.nats.Pid())
		most = m.Peak
	}
	return most, err
}

// Await waits until done returns true. It fails when a service has ended.
func (s *System) Await(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	for {
		ok, err := done(ctx)
		if err != nil || ok {
			return err
		}
		for _, p := range s.services {
			select {
			case <-p.Done():
				text, _ := os.ReadFile(p.Log)
				return fmt.Errorf("wait until %s: %s has ended: %s", what, p.Name, text[max(0, len(text)-1000):])
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		case <-time.After(lookEvery):
		}
	}
}

// Stop ends the services, those that work before ingest, then NATS, and removes everything.
func (s *System) Stop() error {
	var errs []error
	for _, p := range slices.Backward(s.services) {
		errs = append(errs, p.Stop(syscall.SIGTERM, stopWithin))
	}
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	if s.nats != nil {
		errs = append(errs, s.nats.Stop(syscall.SIGTERM, stopWithin))
	}
	if s.DB != nil {
		s.DB.Close()
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		errs = append(errs, s.servers.Drop(ctx, database))
	}
	if s.Dir != "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
