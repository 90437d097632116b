package ingest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// asChild is set in a process that runs ingest, so that a test can stop it with a signal.
const asChild = "LOOM_TEST_INGEST"

func runAsChild() error {
	environ := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		environ[name] = value
	}
	cfg, err := ingest.LoadConfig(environ)
	if err != nil {
		return err
	}
	cfg.Registry = prometheus.NewRegistry()
	if cfg.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return ingest.Run(ctx, cfg)
}

// child starts ingest in a process of its own, with settings on top of the rig's ("NAME=value"). It
// ends with the test. child returns a function that sends the process a signal.
func (r *rig) child(settings ...string) (tell func(syscall.Signal)) {
	r.t.Helper()
	program, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = []string{asChild + "=1"}
	for name, value := range r.settings() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, settings...)
	var log lines
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	killed := false
	tell = func(s syscall.Signal) {
		r.t.Helper()
		killed = killed || s == syscall.SIGKILL
		if err := cmd.Process.Signal(s); err != nil {
			r.t.Error(err)
		}
	}
	r.t.Cleanup(func() {
		tell(syscall.SIGCONT)
		tell(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil && !killed || r.t.Failed() {
			r.t.Errorf("ingest ended with %v:\n%s", err, log.String())
		}
	})
	return tell
}

// lapsed waits until the leases of all running tasks have ended.
func (r *rig) lapsed() {
	r.t.Helper()
	r.until("the leases have run out", `select bool_and(lease_until < clock_timestamp() - interval '1 second') from loom.tasks where state = 'running'`)
}

func TestAnIngestThatStoodStillChargesNobody(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	tell := r.child()
	recording, goOn := make(chan struct{}, 10), make(chan struct{})
	do := func(ctx context.Context, g msg.Grant) msg.Result {
		if g.Kind == msg.Record {
			recording <- struct{}{}
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return msg.Result{Outcome: msg.Done}
	}
	for i := range 4 { // two record, and two wait for what lapses
		r.work(fmt.Sprintf("worker-%d", i), do)
	}
	render := r.submit(small)
	<-recording
	<-recording
	tell(syscall.SIGSTOP)
	r.lapsed()
	tell(syscall.SIGCONT)
	// Leases are renewed again, before the added time is over.
	r.until("those who are well have said so", `select count(*) = 2 and bool_and(lease_until > clock_timestamp() + interval '1 second')
		from loom.tasks where state = 'running'`)
	close(goOn)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	r.uncharged()
}

// A replica that could receive heartbeats all the time knows which workers are lost.
func TestAReplicaThatStandsStillKeepsNoOtherFromFindingWhoIsLost(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	tell := r.child()
	r.ingest(nil)
	var once sync.Once
	recording := make(chan *worker, 1)
	var holder *worker
	ready := make(chan struct{})
	holder = r.work("worker-1", func(ctx context.Context, g msg.Grant) msg.Result {
		<-ready
		once.Do(func() { recording <- holder })
		<-ctx.Done()
		return msg.Result{}
	})
	close(ready)
	render := r.submit(one)
	w := <-recording
	tell(syscall.SIGSTOP)
	w.vanish()
	r.work("worker-2", nil)
	r.until("another has its task", "select exists (select from loom.attempts where attempt = 2)")
	tell(syscall.SIGCONT)
	if o := r.ended(render); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	var outcomes string
	r.scan(&outcomes, `select string_agg(a.outcome, ' ' order by a.attempt) from loom.attempts a join loom.tasks k on k.id = a.task_id where k.kind = 'record'`)
	if outcomes != "lapsed done" {
		t.Errorf("attempts ended as %s", outcomes)
	}
}
