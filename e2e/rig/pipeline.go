package rig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/natsauth"
	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

// Config says how many replicas of each service there are (0: one), and their settings beyond the
// defaults.
type Config struct {
	Ingests, Recorders, Transcoders, Uploaders int
	// Env are more settings, for all services.
	Env map[string]string
}

// Pipeline is loom-lite on its servers.
type Pipeline struct {
	*App
	Site     *Site
	Postgres *Postgres
	NATS     *NATS
	Store    *Store

	dir       string
	env       map[string]string
	processes []*Service
}

// Service is a running replica.
type Service struct {
	*Process
	Port int
	// Worker is its WORKER_ID, as in loom.attempts.
	Worker string
	kind   string
	// env are the settings beyond the defaults that it was started with.
	env map[string]string
}

// idle are pipelines that no test uses.
var idle struct {
	sync.Mutex
	pipelines []*Pipeline
}

// Start returns a pipeline whose services are as cfg says and all ready. Until the test ends it is
// the test's own, which may take any part away: one that an earlier test has left, or else a new
// one. What a test has killed or stopped is replaced before the next. After a test that failed, the
// pipeline ends. TestMain ends all others with End.
func Start(t testing.TB, cfg Config) *Pipeline {
	t.Helper()
	p := takeIdle()
	t.Cleanup(func() {
		if !t.Failed() {
			p.leave()
			return
		}
		p.printLogs(t)
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
	if p.dir == "" {
		p.start(t)
	}
	p.fit(t, cfg)
	return p
}

func takeIdle() *Pipeline {
	idle.Lock()
	defer idle.Unlock()
	if len(idle.pipelines) == 0 {
		return &Pipeline{}
	}
	last := len(idle.pipelines) - 1
	p := idle.pipelines[last]
	idle.pipelines = idle.pipelines[:last]
	return p
}

func (p *Pipeline) leave() {
	idle.Lock()
	defer idle.Unlock()
	idle.pipelines = append(idle.pipelines, p)
}

// Usual is Start with what is enough for many tests: two recorders and two transcoders, which try
// each task twice. As these tests run one after the other, one pipeline serves them all.
func Usual(t testing.TB) *Pipeline {
	t.Helper()
	return Start(t, Config{Recorders: 2, Transcoders: 2, Env: map[string]string{"WORKER_MAX_RETRIES": "1"}})
}

// End ends the pipelines that tests have left, and returns what did not end as it should.
func End() error {
	idle.Lock()
	defer idle.Unlock()
	var err error
	for _, p := range idle.pipelines {
		err = errors.Join(err, p.end())
	}
	idle.pipelines = nil
	return err
}

// start starts the servers.
func (p *Pipeline) start(t testing.TB) {
	t.Helper()
	var err error
	if p.dir, err = postgresd.Folder("loom-e2e-pipeline-"); err != nil {
		t.Fatal(err)
	}
	p.Site = startSite()
	p.Postgres = startPostgres(t, p.dir)
	p.App = &App{DB: p.Postgres.migrate(t)}
	p.NATS = startNATS(t, p.dir)
	p.Store = startStore(t, p.dir)
}

// fit starts the services that cfg asks for and stops all others.
func (p *Pipeline) fit(t testing.TB, cfg Config) {
	t.Helper()
	p.DB.Reset() // Postgres may have been away
	p.env = cfg.Env
	var surplus, kept, added []*Service
	for _, s := range []struct {
		kind string
		n    int
	}{{"ingest", cfg.Ingests}, {"recorder", cfg.Recorders}, {"transcoder", cfg.Transcoders}, {"uploader", cfg.Uploaders}} {
		wanted := max(s.n, 1)
		for _, running := range p.Services(s.kind) {
			if wanted > 0 && maps.Equal(running.env, p.env) {
				wanted--
				kept = append(kept, running)
			} else {
				surplus = append(surplus, running)
			}
		}
		for range wanted {
			added = append(added, p.Run(t, s.kind))
		}
	}
	if err := stopServices(surplus); err != nil {
		t.Errorf("left by an earlier test: %v", err)
	}
	for _, s := range slices.Concat(kept, added) {
		s.AwaitReady(t)
	}
}

// Run starts one more replica of a service.
func (p *Pipeline) Run(t testing.TB, kind string) *Service {
	t.Helper()
	return p.RunWith(t, kind, p.env)
}

// RunWith starts one more replica of a service, with these settings beyond the defaults.
func (p *Pipeline) RunWith(t testing.TB, kind string, settings map[string]string) *Service {
	t.Helper()
	s := &Service{Port: freePort(t), Worker: fmt.Sprintf("%s-%d", kind, p.started(kind)+1), kind: kind, env: settings}
	work := filepath.Join(p.dir, "work-"+s.Worker)
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatalf("make a work folder: %v", err)
	}
	var env []string
	for k, v := range p.settings(t, kind, s, work) {
		env = append(env, k+"="+v)
	}
	var err error
	s.Process, err = spawn(s.Worker, p.dir, env, Program(t, "loom-"+kind))
	if err != nil {
		t.Fatal(err)
	}
	p.processes = append(p.processes, s)
	return s
}

// settings returns a service's whole environment: what all have, and the credentials that this one
// needs.
func (p *Pipeline) settings(t testing.TB, kind string, s *Service, work string) map[string]string {
	t.Helper()
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": work, "TMPDIR": work, "WORK_DIR": work,
		"PORT": strconv.Itoa(s.Port), "WORKER_ID": s.Worker, "LOG_LEVEL": "debug", "DRAIN_TIMEOUT": "20s",
	}
	maps.Copy(env, p.NATS.settings(kind))
	switch kind {
	case "ingest", "uploader":
		env["DATABASE_URL"] = p.Postgres.URLAs(t, kind)
		env["S3_ENDPOINT"] = p.Store.Endpoint
		key := p.Store.keys[kind]
		env["S3_ACCESS_KEY_ID"], env["S3_SECRET_ACCESS_KEY"] = key.AccessKeyID, key.SecretAccessKey
		env["TASK_LEASE"], env["WORKER_POLL_INTERVAL"] = "3s", "500"
	case "recorder":
		env["RECORDER_SLOTS"] = "1"
		env["EGRESS_ALLOW"] = "127.0.0.0/8"
		if os.Getuid() == 0 {
			env["CHROME_SANDBOX"] = "off"
		}
	case "transcoder":
		env["TRANSCODER_SLOTS"] = "1"
		env["EGRESS_ALLOW"] = "127.0.0.0/8"
	}
	maps.Copy(env, s.env)
	return env
}

// Services returns the running replicas of a service, in the order in which they were started.
func (p *Pipeline) Services(kind string) []*Service {
	var found []*Service
	for _, s := range p.processes {
		if s.kind == kind && !s.Exited() {
			found = append(found, s)
		}
	}
	return found
}

// started returns how many replicas of a service have been started.
func (p *Pipeline) started(kind string) (n int) {
	for _, s := range p.processes {
		if s.kind == kind {
			n++
		}
	}
	return n
}

// Service returns the replica with this WORKER_ID.
func (p *Pipeline) Service(t testing.TB, worker string) *Service {
	t.Helper()
	for _, s := range p.processes {
		if s.Worker == worker {
			return s
		}
	}
	t.Fatalf("there is no worker %q", worker)
	return nil
}

// Ready reports whether the service says that it is ready.
func (s *Service) Ready() bool {
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", s.Port))
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// AwaitReady waits until the service is ready.
func (s *Service) AwaitReady(t testing.TB) {
	t.Helper()
	Eventually(t, s.Worker+" is ready", func() bool {
		if s.Exited() {
			t.Fatalf("%s has ended:\n%s", s.Worker, tail(s.Log(), 30))
		}
		return s.Ready()
	})
}

// end ends everything that was started, clears up, and returns what did not end as it should.
func (p *Pipeline) end() error {
	if p.App != nil {
		p.DB.Close()
	}
	err := errors.Join(stopServices(p.processes), p.checkLogs())
	if p.Store != nil {
		err = errors.Join(err, p.Store.checkRefusals())
		p.Store.stop()
	}
	if p.NATS != nil {
		p.NATS.stop()
	}
	if p.Postgres != nil {
		p.Postgres.stop()
	}
	if p.Site != nil {
		p.Site.stop()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// stopServices tells services to stop, waits until they and their children have ended, and returns
// what did not end as it should.
func stopServices(services []*Service) error {
	var children []child.Info
	for _, s := range services {
		children = append(children, s.Children()...)
		s.tell(syscall.SIGTERM)
	}
	var err error
	for _, s := range services {
		if stopErr := s.awaitStop(); !s.killed {
			err = errors.Join(err, stopErr)
		}
	}
	return errors.Join(err, awaitEnd(children))
}

// secrets are what no log may hold.
var secrets = []string{secretKey, databasePassword, "X-Amz-Signature"}

// Secrets returns the secrets of the services' settings, and what every signed URL has.
func (p *Pipeline) Secrets(t testing.TB) []string {
	t.Helper()
	all := slices.Concat(secrets, p.Store.secrets())
	for _, user := range natsauth.Names() {
		seed, err := os.ReadFile(filepath.Join(p.NATS.dir, natsauth.SeedFile(user)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(string(seed)))
	}
	return all
}

// Logs returns the logs of all that has run, services and servers, by their file's name.
func (p *Pipeline) Logs(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(p.dir, "*.log"))
	logs := map[string]string{}
	for _, path := range paths {
		var text []byte
		if text, err = os.ReadFile(path); err != nil {
			break
		}
		logs[filepath.Base(path)] = string(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

// Answers returns what a running service answers on the pages of its health port, by their path.
func (s *Service) Answers(t testing.TB) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.Port, path))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		pages[s.Worker+path] = string(text)
	}
	return pages
}

// refusals are what a service logs that may not use a subject which it needs, or lacks a right in
// Postgres.
var refusals = map[string]string{
	"NATS refuses this user": "pkg/natsauth lists the subjects that it may use",
	"(SQLSTATE 42501)":       "migrations/0012_roles.sql lists what its role may do",
}

func (p *Pipeline) checkLogs() (err error) {
	for _, s := range p.processes {
		for refusal, mend := range refusals {
			if bytes.Contains(s.Log(), []byte(refusal)) {
				err = errors.Join(err, fmt.Errorf("the log of %s has %q: %s", s.Worker, refusal, mend))
			}
		}
		for _, secret := range slices.Concat(secrets, p.Store.secrets()) {
			if bytes.Contains(s.Log(), []byte(secret)) {
				err = errors.Join(err, fmt.Errorf("the log of %s holds %q", s.Worker, secret))
			}
		}
	}
	return err
}

// logLines is how much of each log a failed test prints.
const logLines = 60

func (p *Pipeline) printLogs(t testing.TB) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(p.dir, "*.log"))
	if err != nil {
		t.Logf("find the logs: %v", err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Logf("read a log: %v", err)
			continue
		}
		t.Logf("the end of %s:\n%s", filepath.Base(path), tail(text, logLines))
	}
}
