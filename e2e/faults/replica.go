package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/servers"
)

// replica is one of a service's processes, and its ways to the servers. It may be killed and
// started again.
type replica struct {
	kind, name string
	program    string
	env        map[string]string
	// nats, postgres and store are its links. postgres is nil where the service has no database.
	nats, postgres, store *link
	work, log             string
	port                  int
	// api is where a console has its API.
	api     string
	process *child.Process
}

// start starts the process. more are settings for this time only.
func (r *replica) start(ctx context.Context, more map[string]string) error {
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", r.name, err)
	}
	defer func() { _ = log.Close() }()
	if r.port, err = servers.FreePort(); err != nil {
		return err
	}
	all := map[string]string{"PORT": strconv.Itoa(r.port)}
	maps.Copy(all, r.env)
	maps.Copy(all, more)
	cmd := exec.Command(r.program)
	for k, v := range all {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.work, log, log
	r.process, err = child.Start(context.WithoutCancel(ctx), cmd, child.Options{Orphaned: syscall.SIGKILL})
	return err
}

// killedAt returns the settings with which the process kills itself at a step.
func killedAt(step fault.Step, pass int) map[string]string {
	return map[string]string{"FAULT_KILL": string(step), "FAULT_PASS": strconv.Itoa(pass)}
}

// awaitReady waits until the service says that it is ready.
func (r *replica) awaitReady(ctx context.Context) error { return r.await(ctx, "/readyz") }

// awaitAlive waits until the service says that it is alive.
func (r *replica) awaitAlive(ctx context.Context) error { return r.await(ctx, "/healthz") }

// await waits until the service answers a path with 200.
func (r *replica) await(ctx context.Context, path string) error {
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	var last []byte
	err := until(ctx, patience, r.name+" answers "+path, func() (bool, error) {
		if r.ended() {
			return false, fmt.Errorf("%s has ended: %w", r.name, r.process.Wait())
		}
		response, err := client.Get("http://" + servers.Loopback(r.port) + path)
		if err != nil {
			return false, nil
		}
		last, err = io.ReadAll(response.Body)
		return response.StatusCode == http.StatusOK, errors.Join(err, response.Body.Close())
	})
	if err != nil {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// ended reports whether the process has ended, or was never started.
func (r *replica) ended() bool { return r.process == nil || r.process.State() != nil }

// crash ends the process alone, with SIGKILL, and waits until what it started has ended too.
func (r *replica) crash() error {
	children, err := child.Descendants(r.process.Pid())
	if err != nil {
		return err
	}
	if err := r.process.Stop(syscall.SIGKILL, patience); err != nil {
		return fmt.Errorf("kill %s: %w", r.name, err)
	}
	return gone(children)
}

// stop tells the process to stop. Its error says that it did not, or not with status 0.
func (r *replica) stop() error {
	if r.ended() {
		return nil
	}
	_ = r.process.Signal(syscall.SIGTERM)
	_ = r.process.Signal(syscall.SIGCONT)
	err := r.process.Await(patience)
	if err == nil {
		err = r.process.Wait()
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", r.name, err)
	}
	return nil
}

// links returns all of the replica's ways to servers.
func (r *replica) links() []*link {
	if r.postgres == nil {
		return []*link{r.nats, r.store}
	}
	return []*link{r.nats, r.store, r.postgres}
}

// heal makes all links good.
func (r *replica) heal(ctx context.Context) error {
	var err error
	for _, l := range r.links() {
		err = errors.Join(err, l.heal(ctx))
	}
	return err
}

// gone waits until processes have ended.
func gone(processes []child.Info) error {
	deadline := time.Now().Add(patience)
	for _, p := range processes {
		for p.Alive() {
			if time.Now().After(deadline) {
				return fmt.Errorf("%v outlives the process that started it", p)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// newReplica makes a replica that is not started.
func (r *Run) newReplica(kind string) (*replica, error) {
	n := 1
	for _, other := range r.replicas {
		if other.kind == kind {
			n++
		}
	}
	p := &replica{kind: kind, name: fmt.Sprintf("%s-%d", kind, n), program: filepath.Join(r.bin, "worker")}
	p.work, p.log = filepath.Join(r.dir, p.name), filepath.Join(r.dir, p.name+".log")
	if err := os.MkdirAll(p.work, 0o700); err != nil {
		return nil, fmt.Errorf("make a work folder: %w", err)
	}
	var err error
	if p.nats, err = r.links.link(p.name+"-nats", r.nats.addr()); err != nil {
		return nil, err
	}
	if p.store, err = r.links.link(p.name+"-store", r.objects.server.Listener.Addr().String()); err != nil {
		return nil, err
	}
	p.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": p.work, "TMPDIR": p.work, "WORK_DIR": p.work, "WORKER_ID": p.name, "LOG_LEVEL": "debug",
		"NATS_URL": r.natsURL(p.nats.addr()), "HTTP_PROXY": "http://" + p.store.addr(), "DRAIN_TIMEOUT": "20s",
	}
	switch kind {
	case "ingest", "uploader", "console":
		p.program = filepath.Join(r.bin, kind)
		if p.postgres, err = r.links.link(p.name+"-postgres", servers.Loopback(r.postgres.Port)); err != nil {
			return nil, err
		}
		maps.Copy(p.env, map[string]string{
			"DATABASE_URL": "postgres://postgres@" + p.postgres.addr() + "/postgres?sslmode=disable",
			"S3_ENDPOINT":  "http://" + storeHost, "S3_ACCESS_KEY_ID": accessKey, "S3_SECRET_ACCESS_KEY": secretKey,
			"TASK_LEASE": r.fault.lease().String(), "WORKER_POLL_INTERVAL": "200", "WORK_RETENTION": retention.String(), "WORKER_MAX_RETRIES": strconv.Itoa(r.fault.Retries),
		})
	}
	switch kind {
	case "console":
		api, err := servers.FreePort()
		if err != nil {
			return nil, err
		}
		p.api = "http://" + servers.Loopback(api)
		maps.Copy(p.env, map[string]string{"CONSOLE_PORT": strconv.Itoa(api), "CONSOLE_RATE": "0", "EGRESS_ALLOW": "127.0.0.0/8"})
	case "recorder", "transcoder":
		maps.Copy(p.env, map[string]string{"FAULTS_STAGE": kind, "FAULTS_JOURNAL": r.journal(), "FAULTS_BAD": "?bad", "FAULTS_LONG": long})
		if r.fault.Media {
			p.program = filepath.Join(r.bin, kind)
			maps.Copy(p.env, map[string]string{"EGRESS_ALLOW": "127.0.0.0/8", "RECORDER_SLOTS": "1", "TRANSCODER_SLOTS": "1"})
			if os.Getuid() == 0 {
				p.env["CHROME_SANDBOX"] = "off"
			}
		}
	}
	if r.fault.Cluster {
		p.env["NATS_REPLICAS"] = strconv.Itoa(members)
	}
	maps.Copy(p.env, r.fault.Env)
	if r.fault.Earlier {
		p.program = filepath.Join(r.bin, earlier, filepath.Base(p.program))
	}
	r.replicas = append(r.replicas, p)
	return p, nil
}
