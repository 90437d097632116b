package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// Options say how to run everything.
type Options struct {
	// Dir is the data folder's absolute path. It is made where it is not there.
	Dir string
	// Command is what the holder of Dir calls itself to others: "loom up".
	Command string
	// ReadyFile is one more file, by its absolute path, for what ReadyFile(Dir) holds. It is
	// removed at the start, written when everything is ready, and removed at Close. Empty: none.
	ReadyFile string
	// Allow is what pages may always reach, in the form of EGRESS_ALLOW. Empty: nothing.
	Allow string
	// Environ holds the services' settings. DATABASE_URL, NATS_URL and S3_ENDPOINT replace the
	// embedded servers, and EGRESS_ALLOW the leave to reach loopback.
	Environ map[string]string
	// Adopt lets DATABASE_URL, NATS_URL and S3_ENDPOINT of Environ be used. Without it they are a
	// *ForeignError.
	Adopt bool
	// Log takes the log of the servers and services.
	Log zerolog.Logger
}

// Stack is all of loom-lite, running.
type Stack struct {
	dir      string
	lock     *lock
	servers  *backends
	services *services
	environ  map[string]string
	log      zerolog.Logger
	close    func() error
	// readyFiles are this Stack's to write and to remove.
	readyFiles []string

	// failed is closed when a service or a server has ended by itself.
	failed chan struct{}
	// closing is closed when Close begins; watched when nothing is watched any more.
	closing, watched chan struct{}
	lost             error // the server that ended; set before watched is closed
}

// addressVariable names the services' health servers in a Stack's settings.
const addressVariable = "LOOM_%s_URL"

// Start starts everything and returns when all services are ready. On an error, or when ctx ends
// before that, nothing of it is left running. It returns an *InUseError when another process runs
// on opts.Dir, and a *ReadyFileError when opts.ReadyFile cannot be written, and a *ForeignError,
// before anything is touched, when opts.Environ names servers that opts.Adopt does not let it use.
func Start(ctx context.Context, opts Options) (_ *Stack, err error) {
	if !filepath.IsAbs(opts.Dir) {
		return nil, fmt.Errorf("start: the data folder's path %q is not absolute", opts.Dir)
	}
	if err := refuseForeign(opts); err != nil {
		return nil, err
	}
	if opts.ReadyFile != "" && !filepath.IsAbs(opts.ReadyFile) {
		return nil, fmt.Errorf("start: the ready file's path %q is not absolute", opts.ReadyFile)
	}
	environ, err := absolutePaths(opts.Environ)
	if err != nil {
		return nil, err
	}
	if err := makeDir(opts.Dir); err != nil {
		return nil, err
	}
	s := &Stack{
		dir: opts.Dir, log: opts.Log,
		failed: make(chan struct{}), closing: make(chan struct{}), watched: make(chan struct{}),
	}
	s.close = sync.OnceValue(s.stop)
	if s.lock, err = takeLock(opts.Dir, opts.Command); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, path := range []string{ReadyFile(opts.Dir), opts.ReadyFile} {
		if path == "" {
			continue
		}
		if err := clearReadyFile(path); err != nil {
			return nil, err
		}
		s.readyFiles = append(s.readyFiles, path)
	}
	if s.servers, err = startServers(ctx, opts.Dir, environ, opts.Log); err != nil {
		return nil, err
	}
	if s.environ, err = s.settings(environ, opts.Allow); err != nil {
		return nil, err
	}
	if s.services, err = startServices(ctx, s.environ, opts.Log); err != nil {
		return nil, err
	}
	maps.Copy(s.environ, s.services.addresses())
	if s.environ["LOOM_API_TOKEN"], err = apiToken(ctx, opts.Dir, s.environ["DATABASE_URL"]); err != nil {
		return nil, err
	}
	go s.watch()
	for _, path := range s.readyFiles {
		if err := writeReadyFile(path, s.Settings()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// watch closes failed when something has ended by itself.
func (s *Stack) watch() {
	defer close(s.watched)
	postgres, s3 := s.servers.ended()
	lost := ""
	select {
	case <-s.closing:
		return
	case <-s.services.failed:
	case <-postgres:
		lost = "Postgres"
	case <-s3:
		lost = "S3"
	}
	if lost != "" {
		s.lost = fmt.Errorf("the embedded %s ended by itself", lost)
	}
	close(s.failed)
}

// ReadyFile is where a data folder keeps the settings of the Stack that runs on it, for other
// commands.
func ReadyFile(dir string) string { return filepath.Join(dir, "loom.env") }

// settings completes the services' settings.
func (s *Stack) settings(environ map[string]string, allow string) (map[string]string, error) {
	all := maps.Clone(environ)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, s.servers.settings)
	all["LOOM_EXTERNAL"] = strings.Join(s.External(), ",")
	if unsandboxed := settlePages(all, allow); unsandboxed {
		s.log.Warn().Msg(Unsandboxed)
	}
	if all["WORK_DIR"] == "" {
		// No other process uses it: what a crash left there is removed.
		work := filepath.Join(s.dir, "work")
		if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o700)); err != nil {
			return nil, fmt.Errorf("make work folder: %w", err)
		}
		all["WORK_DIR"] = work
	}
	return all, nil
}

// published are the settings that others need to talk to a Stack. PORT is not one: a service that
// is started with them has a port of its own.
var published = []string{
	"DATABASE_URL", "NATS_URL", "NATS_NKEY", "NATS_CREDS", "NATS_CA", "NATS_CERT", "NATS_KEY",
	"S3_ENDPOINT", "S3_REGION", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_CHECKSUMS",
	"STORAGE_BUCKET_VIDEOS", "STORAGE_BUCKET_THUMBNAILS", "STORAGE_BUCKET_WORK", "PUBLIC_URLS", "PUBLIC_URL_BASE",
	"EGRESS_ALLOW", "CHROME_SANDBOX",
	"LOOM_EXTERNAL", "LOOM_INGEST_URL", "LOOM_RECORDER_URL", "LOOM_TRANSCODER_URL", "LOOM_UPLOADER_URL", "LOOM_CONSOLE_URL",
	apiURL, "LOOM_API_TOKEN",
}

// Settings returns what others need to talk to the Stack, as environment variables: where the
// servers are and with which keys, and where the services tell their health (LOOM_INGEST_URL, …).
func (s *Stack) Settings() map[string]string {
	settings := map[string]string{}
	for _, name := range published {
		if v := s.environ[name]; v != "" {
			settings[name] = v
		}
	}
	return settings
}

// External lists the servers that are not embedded, empty when all are.
func (s *Stack) External() []string { return s.servers.external() }

// Failed is closed when a service or an embedded server has ended by itself; Close returns why.
func (s *Stack) Failed() <-chan struct{} { return s.failed }

// Close drains the services, stops everything and returns what went wrong: the error of a service
// that ended by itself included. How long running work may go on is DRAIN_TIMEOUT's to say.
func (s *Stack) Close() error { return s.close() }

func (s *Stack) stop() error {
	close(s.closing)
	var err error
	if s.services != nil {
		<-s.watched
		err = errors.Join(s.lost, s.services.stop())
	}
	if s.servers != nil {
		err = errors.Join(err, s.servers.stop())
	}
	for _, path := range s.readyFiles {
		if removed := os.Remove(path); !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return errors.Join(err, s.lock.release())
}

// absolutePaths makes the paths in settings independent of the working directory, which changes.
func absolutePaths(environ map[string]string) (map[string]string, error) {
	environ = maps.Clone(environ)
	for _, name := range []string{"WORK_DIR", "CHROME_PATH", "FFMPEG_PATH", "FFPROBE_PATH"} {
		// A bare name is looked for in PATH.
		if v := environ[name]; strings.ContainsRune(v, filepath.Separator) {
			abs, err := filepath.Abs(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			environ[name] = abs
		}
	}
	return environ, nil
}

func healthURL(l net.Listener) string { return "http://" + l.Addr().String() }

// OpenLog opens the log file of a Stack whose log must not go to the terminal.
func OpenLog(dir string) (*os.File, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(logsDir(dir), "loom.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}
